import type { Generation, GenerationEvent } from "../../../../shared/sdk/api-types.ts";
import { Unmask, type UnmaskOptions } from "../../../../shared/sdk/unmask.ts";

/** A request as the API would see it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Answers one request; a thrown error is a connection that broke. */
export type Answer = (request: SeenRequest, signal: AbortSignal) => Response | Promise<Response>;

/** A client of an API that answers by script, one answer a request. */
export function createScriptedApi(
  answers: readonly Answer[],
  options: Partial<UnmaskOptions> = {},
): { client: Unmask; seen: SeenRequest[] } {
  const seen: SeenRequest[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request: SeenRequest = {
      method: init?.method ?? "GET",
      path: new URL(String(input)).pathname + new URL(String(input)).search,
      headers: new Headers(init?.headers),
      body: init?.body ? JSON.parse(String(init.body)) : undefined,
    };
    seen.push(request);
    const answer = answers[seen.length - 1];
    if (answer === undefined) throw new Error(`There is no answer for request ${seen.length}.`);
    return await answer(request, init?.signal ?? new AbortController().signal);
  };
  const client = new Unmask({
    apiKey: "unm_test_key",
    baseUrl: "http://api.test/v1",
    fetch,
    ...options,
  });
  return { client, seen };
}

/** An answer of JSON. */
export function json(
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return () => Response.json(body, { status, headers });
}

/** A refusal as the API writes it. */
export function refusal(
  code: string,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const error = { message: `It is ${code}.`, type: "server_error", code, param: "max_tokens" };
  return json({ error, request_id: "req_1" }, status, { "x-request-id": "req_1", ...headers });
}

/** No answer at all. */
export const brokenConnection: Answer = () => {
  throw new TypeError("fetch failed");
};

/** A stream of events, numbered from `firstId`, whole or broken off after its last. */
export function events(
  list: readonly GenerationEvent[],
  { firstId = 1, isBroken = false }: { firstId?: number; isBroken?: boolean } = {},
): Answer {
  return () => {
    const encoder = new TextEncoder();
    const waiting = list.map((event, index) =>
      encoder.encode(
        `id: ${firstId + index}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
      ),
    );
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        const next = waiting.shift();
        if (next !== undefined) controller.enqueue(next);
        else if (isBroken) controller.error(new TypeError("reset"));
        else controller.close();
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  };
}

/** A generation of the text `ab`, its two steps, and its end. */
export const whole: Generation = {
  id: "gen_1",
  object: "generation",
  status: "completed",
  created: 1,
  model: "m",
  system_fingerprint: "f",
  tier: "fast",
  text: "ab",
  holes: null,
  finish_reason: "length",
  hastened_steps: 0,
  usage: null,
  error: null,
};

/** Its events. */
export const wholeEvents: readonly GenerationEvent[] = [
  { type: "queued", id: "gen_1", ahead: 0 },
  {
    type: "started",
    id: "gen_1",
    created: 1,
    model: "m",
    tier: "fast",
    prompt_tokens: 3,
    canvas_length: 5,
    steps: 2,
    block_length: 2,
    given: [],
  },
  step(1, { committed: [at(4, "b")], provisional: [at(3, "x")] }),
  step(2, { committed: [at(3, "a")], text_delta: "ab" }),
  { type: "done", generation: whole },
];

/** A step that changes what is told. */
export function step(
  number: number,
  changes: Partial<Extract<GenerationEvent, { type: "step" }>>,
): Extract<GenerationEvent, { type: "step" }> {
  return {
    type: "step",
    step: number,
    block: 0,
    committed: [],
    provisional: [],
    remasked: [],
    resize: null,
    length: 5,
    masked_count: 0,
    forward_passes: number,
    step_units: number,
    cost: number * 10,
    text_delta: "",
    ...changes,
  };
}

/** A token at a position. */
export function at(position: number, text: string) {
  return { position, token_id: 7, confidence: 0.5, text };
}
