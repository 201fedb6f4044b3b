import type { AppContext } from "../environment.ts";
import type { GenerationWish } from "./hold-price.ts";
import { hostGeneration, relayHosted } from "./host-generation.ts";
import { replay } from "./replay.ts";
import type { RunningGeneration } from "./running-generation.ts";
import { startGeneration } from "./start-generation.ts";

/**
 * Begins a generation that is answered in OpenAI's words. One with an idempotency key runs in an object
 * of its own, where the same request again finds it; any other goes to its node on the direct road.
 *
 * @throws {ApiError} what `hostGeneration` and `startGeneration` throw.
 */
export async function beginGeneration(
  context: AppContext,
  wish: GenerationWish,
): Promise<RunningGeneration> {
  if (!context.req.raw.headers.has("idempotency-key")) return await startGeneration(context, wish);
  const hosted = await hostGeneration(context, { ...wish, template: null, isBackground: false });
  return hosted.kind === "kept" ? replay(hosted.answer) : await relayHosted(context, hosted);
}
