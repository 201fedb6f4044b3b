import type { CanvasBatch } from "../../../gpu-backend/canvas/canvas-batch.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

/** The same predictor, each of whose batches `see` is shown before it runs. */
export function watchPredictor(
  predictor: MaskPredictor,
  see: (batch: CanvasBatch) => void,
): MaskPredictor {
  return new Proxy(predictor, {
    get(target, key) {
      if (key === "predict") {
        return (...[batch, ...rest]: Parameters<MaskPredictor["predict"]>) => {
          see(batch);
          return target.predict(batch, ...rest);
        };
      }
      // Bound, for private members are not the proxy's.
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
