import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { MAX_STEPS } from "#shared/contracts/limits.ts";
import { sha256Hex } from "#shared/contracts/sha-256.ts";
import { readCheckpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import { resumeProcess } from "../sampler/process-state.ts";
import type { ReverseProcess } from "../sampler/reverse-process.ts";
import { describeModel, loadText, type TextModel } from "./checkpoint-text.ts";
import { type Command, requireFlag } from "./command.ts";
import { readRequest } from "./read-request.ts";
import { runSample } from "./sample-run.ts";

/** A request of `unmask resume`. */
export const resumeRequestSchema = z.strictObject({
  /** What `unmask sample` wrote when it was stopped. */
  state: z.string(),
  /** Writes the state down again after so many more steps. */
  stop_after: z.int().min(0).max(MAX_STEPS).optional(),
});

/** `unmask resume`: continues a run of `unmask sample` that was stopped, on the same checkpoint. */
export const resumeCommand: Command = {
  usage: "resume --checkpoint DIR --request FILE [--trace]",
  summary: "Continues a stopped sample from its state; the outcome is that of a run never stopped.",
  examples: ["resume --checkpoint gpu-backend/model/default --request state.json"],
  flags: { checkpoint: "required", request: "required", trace: "switch" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), resumeRequestSchema);
    const checkpoint = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const text = await loadText(checkpoint, false);
    const process = resumeProcess(request.state, sha256Hex);
    checkModel(process, describeModel(checkpoint, text));
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      const isTraced = flags["trace"] !== undefined;
      const stopAfter = request.stop_after;
      return await runSample([process], predictor, { isTraced, text, stopAfter });
    } finally {
      await predictor.close();
    }
  },
};

/**
 * Refuses a run that began on a larger model.
 *
 * @throws {ApiError} `invalid_parameter`; `param` is `state`.
 */
export function checkModel({ canvas, settings }: ReverseProcess, model: TextModel): void {
  const { maskTokenId, endOfTextTokenId, endOfTurnTokenId, adaptiveLength } = settings;
  const specials = [maskTokenId, endOfTextTokenId, endOfTurnTokenId ?? 0];
  const generated = adaptiveLength?.maxLength ?? 0;
  const length = Math.max(canvas.length, canvas.promptLength + generated);
  const fits = (id: number) => id >= 0 && id < model.logitCount;
  if (length <= model.maxLength && canvas.tokenIds.every(fits) && specials.every(fits)) return;
  throw new ApiError("invalid_parameter", "The state is of another model.", { param: "state" });
}
