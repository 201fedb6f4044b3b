/**
 * `POST /generations`: grant, order, admission, stream, receipt.
 *
 * Owns: the order of the checks, and turning a generation's events into its answer.
 * Does not own: running it (engine/), the error body (node-app.ts).
 * Walk: step 7.
 */
import { hash } from "node:crypto";
import type { Context } from "hono";
import { ApiError } from "#shared/contracts/errors.ts";
import { MAX_NODE_BODY_BYTES } from "#shared/contracts/limits.ts";
import {
  type Grant,
  type NodeGenerationRequest,
  type NodeInput,
  nodeGenerationRequestSchema,
} from "#shared/contracts/node-wire.ts";
import { parseJson, parseParameters } from "#shared/contracts/parse-parameters.ts";
import { signToken } from "#shared/contracts/signed-token.ts";
import { createGeneration, type GenerationOrder } from "../engine/create-generation.ts";
import { Generation } from "../engine/generation.ts";
import type { FinishedEvent, GenerationListener } from "../engine/generation-event.ts";
import { Scoring } from "../engine/scoring.ts";
import { FrameStream } from "./frame-stream.ts";
import { type GrantGate, invalidGrant, toJobId } from "./grant-gate.ts";
import type { NodeAppParts, NodeEnv } from "./node-app-parts.ts";
import { toLastFrame, toProgressFrame, toReceipt } from "./node-frames.ts";
import { readBody } from "./read-body.ts";
import type { ServedModel } from "./served-model.ts";

/** Nothing on the way may keep, compress or hold back the stream. */
const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "content-encoding": "identity",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
} as const;

const sha256 = (text: string): string => hash("sha256", text);

/** Answers generations with a stream of frames. */
export class GenerationHandler {
  readonly #parts: NodeAppParts;
  readonly #gate: GrantGate;

  constructor(parts: NodeAppParts, gate: GrantGate) {
    this.#parts = parts;
    this.#gate = gate;
  }

  /**
   * Starts the generation that the body asks for and the grant allows.
   *
   * @throws {ApiError} before the stream begins: what is wrong with the request, `invalid_grant`,
   *   `overloaded` or `no_ready_node`. Later failures are `error` frames.
   */
  async handle(context: Context<NodeEnv>): Promise<Response> {
    const receivedAt = this.#parts.now();
    const grant = context.get("grant");
    this.#gate.assertUnused(grant);
    const request = await readRequest(context);
    if (request.request_id !== grant.request_id) {
      throw invalidGrant("The grant is for another request.");
    }
    const grantToken = context.get("grantToken");
    const stream = this.#start(request, { grant, grantToken, receivedAt });
    return new Response(stream, { headers: STREAM_HEADERS });
  }

  #start(
    request: NodeGenerationRequest,
    { grant, grantToken, receivedAt }: { grant: Grant; grantToken: string; receivedAt: number },
  ): ReadableStream<Uint8Array> {
    const { engine, model, logger } = this.#parts;
    const jobId = toJobId(grant);
    const stream = new FrameStream({
      heartbeatIntervalMs: this.#parts.heartbeatIntervalMs,
      maxUnsentBytes: this.#parts.maxUnsentBytes,
      onAbandoned: (why) => {
        // It may have just finished: then nobody was needed to read on.
        const wasRunning = engine.cancel(jobId);
        if (wasRunning) logger.info("stream_abandoned", { request_id: grant.request_id, why });
      },
    });
    const decodeToken =
      request.detail === "canvas" ? (id: number) => model.decoder.decodeToken(id) : null;
    const generation = createJob(request, { jobId, receivedAt }, model, (event) =>
      event.type === "finished"
        ? void this.#finish(grant, event, { stream, grantToken }).catch(() => stream.end())
        : stream.send(toProgressFrame(event, { decodeToken, exportState })),
    );
    const exportState =
      generation instanceof Generation ? () => generation.exportState(sha256) : null;
    if (generation.steps > grant.max_steps) {
      throw invalidGrant(`The grant allows ${grant.max_steps} steps, not ${generation.steps}.`);
    }
    this.#gate.assertUnused(grant);
    // Whoever tries again has given the earlier attempts up, also where this node has not noticed.
    for (let attempt = 1; attempt < grant.attempt; attempt += 1) {
      engine.cancel(toJobId({ ...grant, attempt }));
    }
    const { ahead, waitMs } = engine.submit(generation);
    this.#gate.markUsed(grant);
    const predicted = waitMs === null ? {} : { wait_ms: Math.round(waitMs) };
    stream.send({ type: "queued", ahead, ...predicted });
    return stream.body;
  }

  async #finish(
    grant: Grant,
    event: FinishedEvent,
    { stream, grantToken }: { stream: FrameStream; grantToken: string },
  ): Promise<void> {
    const { nodeId, grantSecret, logger, postReceipt } = this.#parts;
    const receipt = toReceipt(grant.request_id, nodeId, event.outcome, event.usage);
    logger.info("generation_finished", receipt);
    const signedReceipt = await signToken(receipt, grantSecret);
    stream.send(toLastFrame(event, receipt, signedReceipt));
    stream.end();
    await postReceipt(toJobId(grant), { grant: grantToken, signed_receipt: signedReceipt });
  }
}

/**
 * What the engine is to run.
 *
 * @throws {ApiError} what `createGeneration` and `Scoring` throw.
 */
function createJob(
  { tier, input, parameters, resume_from: state }: NodeGenerationRequest,
  { jobId: requestId, receivedAt }: { jobId: string; receivedAt: number },
  model: ServedModel,
  listener: GenerationListener,
): Generation | Scoring {
  if (input.type !== "score") {
    const resume = state === undefined ? {} : { resume: { state, digest: sha256 } };
    const order = { requestId, tier, ...readInput(input, model), parameters, receivedAt };
    return createGeneration({ ...order, listener, ...resume }, model);
  }
  if (state !== undefined) {
    throw new ApiError("invalid_parameter", "Answers that are scored have no state.", {
      param: "resume_from",
    });
  }
  return new Scoring(
    {
      requestId,
      tier,
      promptTokenIds: model.encodePrompt(input.prompt),
      answers: input.answers,
      sampleCount: input.samples,
      guidanceScale: parameters.cfg_scale,
      seed: parameters.seed,
      listener,
    },
    model,
  );
}

/** What stands before a generation, or around it. */
function readInput(
  input: Exclude<NodeInput, { type: "score" }>,
  model: ServedModel,
): Pick<GenerationOrder, "promptTokenIds" | "template" | "schema"> {
  if (input.type === "json") {
    const { messages, schema } = input;
    return { promptTokenIds: model.encodePrompt({ type: "messages", messages }), schema };
  }
  if (input.type !== "template") return { promptTokenIds: model.encodePrompt(input) };
  const template = input.segments.map((segment) =>
    segment.type === "text"
      ? segment.text
      : { minLength: segment.min_length ?? segment.length, maxLength: segment.length },
  );
  return { promptTokenIds: input.prompt ? model.encodePrompt(input.prompt) : [], template };
}

/** @throws {ApiError} `unsupported_media_type`, or what is wrong with the body. */
async function readRequest(context: Context<NodeEnv>): Promise<NodeGenerationRequest> {
  const mediaType = context.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") {
    throw new ApiError("unsupported_media_type", "The body must be application/json.");
  }
  const body = await readBody(context.req.raw, MAX_NODE_BODY_BYTES);
  return parseParameters(nodeGenerationRequestSchema, parseJson(body));
}
