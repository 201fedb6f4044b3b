import type { CanvasBatch } from "../../../gpu-backend/canvas/canvas-batch.ts";
import {
  type MaskPredictor,
  WHOLE_LANE,
} from "../../../gpu-backend/model-runner/mask-predictor.ts";

/**
 * The same predictor, each of whose batches `see` is shown before it runs, with its lane. What it returns
 * is called when the batch is answered.
 */
export function watchPredictor(
  predictor: MaskPredictor,
  see: (batch: CanvasBatch, lane: number) => undefined | (() => void),
): MaskPredictor {
  return new Proxy(predictor, {
    get(target, key) {
      if (key === "predict") {
        return async (batch: CanvasBatch, lane = WHOLE_LANE) => {
          const answered = see(batch, lane);
          const answer = await target.predict(batch, lane);
          answered?.();
          return answer;
        };
      }
      // Bound, for private members are not the proxy's.
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
