/**
 * A generation in this process, by the very node that a deployment runs: its routes are called without a
 * network between.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { ErrorBody } from "#shared/contracts/error-body.ts";
import { ApiError, isErrorCode } from "#shared/contracts/errors.ts";
import {
  type GenerationRequest,
  toGenerationInput,
  toNativeParameters,
} from "#shared/contracts/generations.ts";
import { HEARTBEAT_INTERVAL_MS } from "#shared/contracts/limits.ts";
import { type Grant, type NodeFrame, nodeFrameSchema } from "#shared/contracts/node-wire.ts";
import { boundSteps } from "#shared/contracts/prices.ts";
import { signToken } from "#shared/contracts/signed-token.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { parseEvents } from "#shared/event-stream/parse-events.ts";
import { Engine } from "../../engine/engine.ts";
import { loadServedModel } from "../../load-served-model.ts";
import { readCheckpoint } from "../../model/checkpoint.ts";
import { createMaskPredictor } from "../../model-runner/create-mask-predictor.ts";
import { createNodeApp } from "../../server/node-app.ts";

/** One request feeds several rows where guidance doubles them, or where the lengths of holes are chosen. */
const MAX_BATCH_ROWS = 8;
const GRANT_LIFETIME_MS = 60_000;
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;

/** What is generated, and by what. */
export interface LocalOrder {
  /** Directory in the Hugging Face layout. */
  readonly checkpointDirectory: string;
  readonly request: GenerationRequest;
  readonly tier: Tier;
}

/**
 * Loads the checkpoint, generates and tells the node's frames, the last one `done`.
 *
 * @throws {ApiError} what is wrong with the checkpoint or the request.
 */
export async function* runLocally({
  checkpointDirectory,
  request,
  tier,
}: LocalOrder): AsyncGenerator<NodeFrame, void, void> {
  const checkpoint = await readCheckpoint(checkpointDirectory);
  const sessionOptions = { executionProvider: "cpu", intraOpThreads: 0 } as const;
  const [model, maskPredictor] = await Promise.all([
    loadServedModel(checkpoint, "local"),
    createMaskPredictor(checkpoint, sessionOptions),
  ]);
  const grantSecret = randomBytes(32).toString("hex");
  const logger = { info: () => undefined, error: () => undefined };
  const app = createNodeApp({
    engine: new Engine({
      maskPredictor,
      limits: { maxBatchRows: MAX_BATCH_ROWS, maxQueue: 0 },
      now: Date.now,
      logger,
    }),
    model,
    nodeId: "local",
    grantSecret,
    now: Date.now,
    logger,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    // There is nobody to be paid.
    postReceipt: async () => undefined,
    maxUnsentBytes: MAX_UNSENT_BYTES,
  });
  try {
    const response = await app.request("/generations", await toOrder(request, tier, grantSecret));
    if (!response.ok) throw readError(((await response.json()) as ErrorBody).error);
    for await (const { data } of parseEvents(response.body ?? new ReadableStream())) {
      const frame = nodeFrameSchema.parse(JSON.parse(data));
      if (frame.type === "error") throw readError(frame);
      yield frame;
    }
  } finally {
    await maskPredictor.close();
  }
}

async function toOrder(
  request: GenerationRequest,
  tier: Tier,
  grantSecret: string,
): Promise<RequestInit> {
  const parameters = toNativeParameters(request, tier);
  const grant: Grant = {
    request_id: randomUUID(),
    max_steps: boundSteps(parameters),
    attempt: 1,
    expires_at: Date.now() + GRANT_LIFETIME_MS,
  };
  const body = {
    request_id: grant.request_id,
    tier,
    detail: "canvas",
    input: toGenerationInput(request),
    parameters,
  };
  return {
    method: "POST",
    headers: {
      authorization: `Bearer ${await signToken(grant, grantSecret)}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  };
}

function readError(error: { code: string; message: string; param: string | null }): ApiError {
  const code = isErrorCode(error.code) ? error.code : "internal_error";
  return new ApiError(code, error.message, { param: error.param });
}
