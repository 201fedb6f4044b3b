import type { PredictorRow } from "../../../gpu-backend/canvas/canvas-batch.ts";
import { ReverseProcess } from "../../../gpu-backend/sampler/reverse-process.ts";

/** A run that asks for logits at every step, also where choices would do. */
export class LogitsProcess extends ReverseProcess {
  override forwardRows(): PredictorRow[] {
    return super.forwardRows().map(({ namedTokenIds: _, ...row }) => row);
  }
}

/** Both ways to the same candidates, by what a test's name says of them. */
export const PROCESSES = {
  "asking for as little as it needs": ReverseProcess,
  "asking for logits": LogitsProcess,
} as const;
