/** A node as it is when its operator says nothing: its settings, and the sessions that it opens. */
import { availableParallelism } from "node:os";
import { readConfig } from "../../../gpu-backend/config.ts";
import type { Checkpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { chooseSessionCount } from "../../../gpu-backend/model-runner/choose-session-count.ts";
import { createMaskPredictor } from "../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

export const NODE_DEFAULTS = readConfig({ UNMASK_GRANT_SECRET: "-".repeat(32) });

/** Runs `work` with the network in as many sessions as a node has, and frees them. */
export async function withNodePredictor<Result>(
  checkpoint: Checkpoint,
  work: (predictor: MaskPredictor) => Promise<Result>,
): Promise<Result> {
  const { executionProvider, threadCount } = NODE_DEFAULTS;
  const { parameterCount } = checkpoint;
  const coreCount = threadCount > 0 ? threadCount : availableParallelism();
  const predictor = await createMaskPredictor(
    checkpoint,
    { executionProvider, intraOpThreads: threadCount },
    { sideSessionCount: chooseSessionCount({ executionProvider, coreCount, parameterCount }) },
  );
  try {
    return await work(predictor);
  } finally {
    await predictor.close();
  }
}
