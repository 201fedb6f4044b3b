/** A hosted generation as a response in our own words: whole, or streamed. */
import type { Generation } from "#shared/contracts/generation-events.ts";
import { encodeEvent } from "#shared/event-stream/encode-event.ts";
import type { KeptAnswer } from "../accounts/claims.ts";
import type { AppContext } from "../environment.ts";
import { readGeneration } from "../generations/read-events.ts";
import { openGeneration } from "../open-generations.ts";
import { answerEvents } from "./answer-generation.ts";
import { type HostedGeneration, openEvents } from "./host-generation.ts";

/** Answers with the native stream, from its beginning; of a kept answer perhaps only the end is left. */
export async function answerHosted(
  context: AppContext,
  hosted: HostedGeneration,
): Promise<Response> {
  const { accountId } = context.var.presentedKey;
  if (hosted.kind === "open") {
    return answerEvents(context, await openEvents(context, accountId, hosted.id, 0));
  }
  const kept = await openGeneration(context.env, accountId, hosted.id).openEvents(0);
  return answerEvents(context, kept ?? tellEnd(toGeneration(hosted.answer)));
}

/**
 * Waits for the end; a client that leaves meanwhile is one reader less.
 *
 * @throws {ApiError} why it failed.
 */
export async function readHosted(
  context: AppContext,
  hosted: HostedGeneration,
): Promise<Generation> {
  if (hosted.kind === "kept") return toGeneration(hosted.answer);
  const { clientSignal, presentedKey } = context.var;
  const stream = await openEvents(context, presentedKey.accountId, hosted.id, 0);
  return await readGeneration(stream, clientSignal);
}

function toGeneration(answer: KeptAnswer): Generation {
  const { generationId, createdAt, model, text, holes, finishReason, usage } = answer;
  return {
    id: generationId,
    object: "generation",
    status: "completed",
    created: Math.floor(createdAt / 1_000),
    model: model.id,
    system_fingerprint: `fp_${model.weights_digest.slice(0, 12)}`,
    tier: usage.tier,
    text,
    holes: holes ? [...holes] : null,
    finish_reason: finishReason,
    hastened_steps: usage.hastened_steps,
    usage,
    error: null,
  };
}

function tellEnd(generation: Generation): ReadableStream<Uint8Array> {
  const data = JSON.stringify({ type: "done", generation });
  return new Blob([encodeEvent({ event: "done", data })]).stream();
}
