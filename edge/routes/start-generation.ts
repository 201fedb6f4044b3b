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
  const { nodes, now, randomBytes } = context.var.platform;
  const startedAt = now();
  const id = createId("gen", startedAt, randomBytes);
  context.header("x-generation-id", id);
  const generation = await nodes.open({
    nodeUrls: readNodeUrls(context.env),
    model: wish.model === "default" ? null : (wish.model ?? null),
    request: { request_id: id, input: wish.input, parameters: wish.parameters },
    grantSecret: context.env.GRANT_SECRET,
    signal: context.req.raw.signal,
  });
  context.var.spans.push({ name: "first-frame", durationMs: now() - startedAt });
  return watchClient(context, id, generation);
}

/** A client's leaving is told by its connection's signal, or by the response stream's `cancel`. */
function watchClient(
  context: AppContext,
  id: string,
  generation: NodeGeneration,
): RunningGeneration {
  const { signal } = context.req.raw;
  let state: "running" | "finished" | "abandoned" = "running";
  const finish = () => {
    if (state === "running") state = "finished";
    signal.removeEventListener("abort", abandon);
    generation.close();
  };
  const abandon = () => {
    if (state !== "running") return;
    state = "abandoned";
    finish();
    // The closed connection tells the node at its next write; this tells it now.
    context.executionCtx.waitUntil(generation.cancel());
  };
  signal.addEventListener("abort", abandon);
  const { model, events } = generation;
  return { id, model, events, finish, abandon, isAbandoned: () => state === "abandoned" };
}
