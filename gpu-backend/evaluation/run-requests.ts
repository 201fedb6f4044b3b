/**
 * Requests through a node's engine, many at a time; what each answered and cost.
 *
 * Does not own: what is asked (tasks.ts), what an answer is worth.
 */

import type { GenerationParameters } from "#shared/contracts/node-wire.ts";
import { createGeneration, type GenerationOrder } from "../engine/create-generation.ts";
import { Engine } from "../engine/engine.ts";
import type { GenerationEvent, GenerationUsage } from "../engine/generation-event.ts";
import type { TemplatePart } from "../infilling/template.ts";
import { type EvaluatedModel, encodeChat } from "./evaluation-model.ts";

/** What a request begins from. */
export type RequestInput =
  | { readonly kind: "chat"; readonly content: string }
  /** A text in the tokenizer's ids, without chat form. */
  | { readonly kind: "ids"; readonly tokenIds: readonly number[] }
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[] };

/** One request, as a node gets it. */
export interface EvaluationRequest {
  readonly input: RequestInput;
  readonly parameters: GenerationParameters;
}

/** What became of a request. */
export interface Outcome {
  readonly text: string;
  /** Of a template, in its order. */
  readonly holes: readonly string[];
  /** Ids of the columns that were filled, in the canvas's order. */
  readonly tokenIds: readonly number[];
  readonly usage: GenerationUsage;
}

/** Rows of one pass; far above a node's, since nobody waits for a first token. */
const ROWS_PER_PASS = 48;

/**
 * Runs all requests.
 *
 * @param onDone Called with the number of finished requests after each.
 * @returns One outcome per request, in order; the same whatever shared its passes.
 * @throws {ApiError} of the first request that fails.
 */
export async function runRequests(
  model: EvaluatedModel,
  requests: readonly EvaluationRequest[],
  onDone: (count: number) => void = () => undefined,
): Promise<Outcome[]> {
  const engine = new Engine({
    maskPredictor: model.predictor,
    limits: { maxBatchRows: ROWS_PER_PASS, maxQueue: Number.POSITIVE_INFINITY },
    now: () => 0,
    logger: { info: () => undefined, error: () => undefined },
  });
  let doneCount = 0;
  const outcomes = requests.map(
    (request, index) =>
      new Promise<Outcome>((resolve, reject) => {
        const order = toOrder(request, `evaluation-${index}`, model, (outcome) => {
          doneCount += 1;
          onDone(doneCount);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        });
        engine.submit(createGeneration(order, model.served));
      }),
  );
  return await Promise.all(outcomes);
}

function toOrder(
  { input, parameters }: EvaluationRequest,
  requestId: string,
  model: EvaluatedModel,
  finish: (outcome: Outcome | Error) => void,
): GenerationOrder {
  const filled = new Map<number, number>();
  const listener = (event: GenerationEvent) => {
    if (event.type === "step") {
      for (const { position, tokenId } of event.committed) filled.set(position, tokenId);
    }
    if (event.type !== "finished") return;
    if (event.outcome !== "completed") return finish(event.error);
    const columns = [...filled.keys()].sort((a, b) => a - b);
    finish({
      text: event.text,
      holes: (event.holes ?? []).map(({ text }) => text),
      tokenIds: columns.map((column) => filled.get(column) ?? 0),
      usage: event.usage,
    });
  };
  const order = { requestId, parameters, listener };
  switch (input.kind) {
    case "chat":
      return { ...order, promptTokenIds: encodeChat(model, input.content) };
    case "ids":
      return { ...order, promptTokenIds: input.tokenIds };
    case "template":
      return { ...order, promptTokenIds: [], template: input.parts };
  }
}
