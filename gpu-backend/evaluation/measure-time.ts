import type { Decoding } from "./decodings.ts";
import type { EvaluatedModel } from "./evaluation-model.ts";
import { runItems } from "./run-items.ts";
import { storyRequests } from "./tasks.ts";

const RUNS = 3;

/** Median milliseconds of one story that runs alone, text to text. */
export async function measureTime(model: EvaluatedModel, decoding: Decoding): Promise<number> {
  const times: number[] = [];
  for (const item of storyRequests(RUNS)) {
    const startedAt = performance.now();
    await runItems(model, decoding, [item]);
    times.push(performance.now() - startedAt);
  }
  return times.sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0;
}
