/**
 * What every generating route does first: names the generation and gets a node to begin it.
 *
 * Owns: the generation's id and its end, also when the client leaves before it.
 * Does not own: which node (edge/pool), the answer's words (edge/streaming).
 */
import { createId } from "#shared/contracts/base62.ts";
import type { GenerationParameters, NodeGenerationRequest } from "#shared/contracts/node-wire.ts";
import type { AppContext } from "../environment.ts";
import type { NodeGeneration } from "../pool/node-pool.ts";
import { readNodeUrls } from "./node-urls.ts";

/** What a client wants generated. */
export interface GenerationWish {
  /** As the client named it; none and `default` mean whatever is served. */
  readonly model: string | null | undefined;
  readonly input: NodeGenerationRequest["input"];
  readonly parameters: GenerationParameters;
}

/** A generation that has begun. */
export interface RunningGeneration extends Pick<NodeGeneration, "model" | "events"> {
  /** `gen_…` */
  readonly id: string;
  /** Says that the answer is complete or broken: nothing is left to stop. */
  finish(): void;
  /** Says that the client has left: the node stops at its next step. */
  abandon(): void;
  /** True once the client has left. */
  isAbandoned(): boolean;
}

/**
 * Starts a generation; the answer bears its id in `x-generation-id`.
 *
 * @throws {ApiError} what `NodePool.open` throws.
 */
export async function startGeneration(
  context: AppContext,
  wish: GenerationWish,
): Promise<RunningGeneration> {
  const { clientSignal: signal, platform } = context.var;
  const { nodes, now, randomBytes } = platform;
  const startedAt = now();
  const id = createId("gen", startedAt, randomBytes);
  context.header("x-generation-id", id);
  const opening = nodes.open({
    nodeUrls: readNodeUrls(context.env),
    model: wish.model === "default" ? null : (wish.model ?? null),
    request: { request_id: id, input: wish.input, parameters: wish.parameters },
    grantSecret: context.env.GRANT_SECRET,
    signal,
  });
  // Should the client leave meanwhile, the node that began is still told to stop.
  context.executionCtx.waitUntil(Promise.allSettled([opening]));
  const generation = await opening;
  context.var.spans.push({ name: "first-frame", durationMs: now() - startedAt });
  return watchClient(context, id, generation);
}

/** A client's leaving is told by its connection's signal, or by the response stream's `cancel`. */
function watchClient(
  context: AppContext,
  id: string,
  generation: NodeGeneration,
): RunningGeneration {
  const { clientSignal: signal } = context.var;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  // From the beginning: what is added once the client has left may no longer be waited for.
  context.executionCtx.waitUntil(ended);
  let state: "running" | "finished" | "abandoned" = "running";
  const leave = (newState: "finished" | "abandoned") => {
    if (state !== "running") return;
    state = newState;
    signal.removeEventListener("abort", abandon);
    generation.close();
    // The closed connection tells the node at its next write; `cancel` tells it now.
    end(newState === "abandoned" ? generation.cancel() : undefined);
  };
  const abandon = () => leave("abandoned");
  signal.addEventListener("abort", abandon);
  return {
    id,
    model: generation.model,
    events: generation.events,
    // The reading may break off before the signal's own listener is called.
    finish: () => leave(signal.aborted ? "abandoned" : "finished"),
    abandon,
    isAbandoned: () => state === "abandoned",
  };
}
