/** Requests whose answers are known, and what a client hears of one. */
import { z } from "zod";
import { chatCompletionChunkSchema, type Usage } from "../../shared/contracts/openai-answers.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";
import type { ChaosCluster } from "./chaos-cluster.ts";

const PROMPTS = ["a cat", "the sea", "two friends", "a lost key"];

/** Of every way to decode: with and without caches, sampled, revised, guided. */
const WAYS: readonly object[] = [
  { tier: "balanced" },
  { tier: "draft" },
  { tier: "quality", temperature: 0.7 },
  { tier: "max" },
  { steps: 32, cfg_scale: 1.5 },
  { tier: "fast", temperature: 0.5 },
];

/** The `index`-th request; equal bodies for equal indexes. */
export function createRequest(index: number, kindCount: number): object {
  const kind = index % kindCount;
  return {
    messages: [
      { role: "user", content: `Tell me a story about ${PROMPTS[kind % PROMPTS.length]}.` },
    ],
    max_tokens: 64,
    seed: kind,
    stream: true,
    stream_options: { include_usage: true },
    ...WAYS[kind % WAYS.length],
  };
}

/** What a client heard. */
export interface HeardAnswer {
  readonly id: string | null;
  readonly text: string;
  readonly usage: Usage | null;
  /** True where the stream ended as a whole one does. */
  readonly isWhole: boolean;
  readonly error: string | null;
  readonly elapsedMs: number;
}

const errorChunkSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Asks and reads to the end, whatever comes. */
export async function hear(
  cluster: ChaosCluster,
  body: object,
  onText: (text: string) => void = () => undefined,
): Promise<HeardAnswer> {
  const startedAt = performance.now();
  const response = await cluster.ask(body);
  const heard = new Heard(onText);
  if (response.status !== 200 || response.body === null) {
    heard.error = `${response.status} ${await response.text()}`;
  } else {
    for await (const { data } of parseEvents(response.body, { onComment: () => undefined })) {
      heard.take(data);
    }
  }
  const { text, usage, isWhole, error } = heard;
  const id = response.headers.get("x-generation-id");
  return { id, text, usage, isWhole, error, elapsedMs: performance.now() - startedAt };
}

class Heard {
  text = "";
  usage: Usage | null = null;
  isWhole = false;
  error: string | null = null;
  readonly #onText: (text: string) => void;

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  take(data: string): void {
    if (data === "[DONE]") {
      this.isWhole = true;
      return;
    }
    const value: unknown = JSON.parse(data);
    const failure = errorChunkSchema.safeParse(value);
    if (failure.success) {
      this.error = `${failure.data.error.code}: ${failure.data.error.message}`;
      return;
    }
    const chunk = chatCompletionChunkSchema.parse(value);
    const piece = chunk.choices[0]?.delta.content ?? "";
    this.text += piece;
    if (piece !== "") this.#onText(piece);
    this.usage = chunk.usage ?? this.usage;
  }
}

/** Runs `count` jobs, so many at a time. */
export async function runAll<Result>(
  count: number,
  atOnce: number,
  job: (index: number) => Promise<Result>,
): Promise<Result[]> {
  return await runWhile((index) => index < count, atOnce, job);
}

/** Runs one job after the other, so many at a time, while another is wanted. */
export async function runWhile<Result>(
  isWanted: (index: number) => boolean,
  atOnce: number,
  job: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    while (isWanted(next)) {
      const index = next++;
      results[index] = await job(index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
