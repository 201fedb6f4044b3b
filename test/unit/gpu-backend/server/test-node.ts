/** A node over real HTTP for tests: a fake network, one letter a token, a clock that stands. */
import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "../../../../gpu-backend/engine/engine.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { NodeMetrics } from "../../../../gpu-backend/server/metrics.ts";
import { createNodeApp } from "../../../../gpu-backend/server/node-app.ts";
import { createNodeDrain } from "../../../../gpu-backend/server/node-drain.ts";
import { startServer } from "../../../../gpu-backend/server/start-server.ts";
import { type ErrorBody, errorBodySchema } from "../../../../shared/contracts/error-body.ts";
import {
  type Grant,
  type NodeFrame,
  nodeFrameSchema,
  type PostedReceipt,
} from "../../../../shared/contracts/node-wire.ts";
import { signToken } from "../../../../shared/contracts/signed-token.ts";
import { parseEvents } from "../../../../shared/event-stream/parse-events.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import {
  createMemoryLogger,
  letterCodec,
  letterDecoder,
  SPECIAL_TOKENS,
} from "../engine/engine-bench.ts";

export const SECRET = "a secret of at least thirty-two characters";
export const NOW = 1_800_000_000_000;
const MAX_LENGTH = 512;

const encodeText = (text: string) => [...text].map((letter) => (letter.charCodeAt(0) - 97) % 29);

export interface TestNodeOptions {
  readonly predictor?: MaskPredictor;
  readonly maxBatchRows?: number;
  readonly maxQueue?: number;
  readonly heartbeatIntervalMs?: number;
  readonly maxUnsentBytes?: number;
  /** Time that a drain leaves running blocks; without end when left out. */
  readonly drainMs?: number;
}

export async function startTestNode(options: TestNodeOptions = {}) {
  const logger = createMemoryLogger();
  const posted: ({ requestId: string } & PostedReceipt)[] = [];
  const metrics = new NodeMetrics();
  const engine = new Engine({
    maskPredictor: options.predictor ?? createFakeMaskPredictor(),
    limits: { maxBatchRows: options.maxBatchRows ?? 8, maxQueue: options.maxQueue ?? 8 },
    now: () => NOW,
    logger,
    observer: metrics,
  });
  metrics.watchLoad(() => engine.load);
  const description = {
    id: "test-model",
    max_length: MAX_LENGTH,
    vocabulary_size: 32,
    parameter_count: 1,
    weights_digest: "00",
    created: 1,
  };
  const app = createNodeApp({
    engine,
    metrics,
    drain: createNodeDrain({
      engine,
      drainMs: options.drainMs ?? 0,
      sleep: options.drainMs === undefined ? () => new Promise(() => undefined) : sleep,
    }),
    model: {
      description,
      maxLength: MAX_LENGTH,
      specialTokens: SPECIAL_TOKENS,
      decoder: letterDecoder,
      codec: letterCodec,
      encodePrompt: (input) =>
        encodeText(
          input.type === "text"
            ? input.text
            : input.messages.map(({ role, content }) => role + content).join(""),
        ),
    },
    nodeId: "node-1",
    grantSecret: SECRET,
    now: () => NOW,
    logger,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 60_000,
    postReceipt: async (requestId, receipt) => void posted.push({ requestId, ...receipt }),
    maxUnsentBytes: options.maxUnsentBytes ?? 1 << 20,
  });
  const server = await startServer(app.fetch, { host: "127.0.0.1", port: 0 });
  return { ...server, engine, logger, description, posted };
}

export type TestNode = Awaited<ReturnType<typeof startTestNode>>;

/** A request that any node accepts, `changes` on top. */
export function requestBody(requestId: string, parameters: Record<string, unknown> = {}) {
  return {
    request_id: requestId,
    input: { type: "text", text: "hello" },
    parameters: { max_tokens: 8, steps: 4, ...parameters },
  };
}

export function bearGrant(grant: Partial<Grant> & { request_id: string }, secret = SECRET) {
  return signToken({ max_steps: 8_192, expires_at: NOW + 60_000, ...grant }, secret);
}

/** `POST /generations`, with a grant for the body's own request id where none is given. */
export async function postGeneration(
  node: { readonly url: string },
  body: unknown,
  options: { grant?: string; signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Response> {
  const { request_id: requestId = "none" } = Object(body);
  const grant = options.grant ?? (await bearGrant({ request_id: String(requestId) }));
  return fetch(`${node.url}/generations`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${grant}`,
      "content-type": "application/json",
      ...options.headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** Frames of an answer as they come, each checked against the wire's contract. */
export async function* readFrames(
  response: Response,
  onComment: (text: string) => void = () => undefined,
): AsyncGenerator<NodeFrame, void, void> {
  if (response.body === null) throw new Error("the answer has no body");
  for await (const event of parseEvents(response.body, { onComment })) {
    yield nodeFrameSchema.parse(JSON.parse(event.data));
  }
}

/** Everything that `frames` still has. */
export async function collect(frames: AsyncIterable<NodeFrame>): Promise<NodeFrame[]> {
  const all: NodeFrame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

export async function readError(response: Response): Promise<ErrorBody["error"]> {
  return errorBodySchema.parse(await response.json()).error;
}
