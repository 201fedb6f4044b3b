import { type Decoding, priceOf } from "./decodings.ts";
import type { EvaluatedModel } from "./evaluation-model.ts";
import { type Outcome, runRequests } from "./run-requests.ts";
import type { TaskItem } from "./tasks.ts";

/** What an item's answer was worth, and what it cost. */
export interface ItemResult {
  /** In [0, 1]; NaN where only a judge can say. */
  readonly score: number;
  /** Micro-dollars, before a plan's discount. */
  readonly price: number;
  readonly outcome: Outcome;
}

/** Runs a task's items under one decoding; results in their order. */
export async function runItems(
  model: EvaluatedModel,
  decoding: Decoding,
  items: readonly TaskItem[],
  onDone: (count: number) => void = () => undefined,
): Promise<ItemResult[]> {
  const requests = items.map((item) => ({
    input: item.input,
    parameters: decoding.parametersFor(item),
  }));
  const outcomes = await runRequests(model, requests, onDone);
  return outcomes.flatMap((outcome, i) => {
    const [item, request] = [items[i], requests[i]];
    if (item === undefined || request === undefined) return [];
    const price = priceOf(decoding, request.parameters, outcome.usage.stepUnits);
    return [{ score: item.score(outcome), price, outcome }];
  });
}
