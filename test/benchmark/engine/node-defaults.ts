/** A node as it is when its operator says nothing: its settings, and how it opens the network. */
import { readConfig } from "../../../gpu-backend/config.ts";
import type { Checkpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

export const NODE_DEFAULTS = readConfig({ UNMASK_GRANT_SECRET: "-".repeat(32) });

/** Runs `work` with the network as a node opens it, and frees it. */
export async function withNodePredictor<Result>(
  checkpoint: Checkpoint,
  work: (predictor: MaskPredictor) => Promise<Result>,
): Promise<Result> {
  const { executionProvider, threadCount } = NODE_DEFAULTS;
  const predictor = await createMaskPredictor(checkpoint, {
    executionProvider,
    intraOpThreads: threadCount,
  });
  try {
    return await work(predictor);
  } finally {
    await predictor.close();
  }
}
