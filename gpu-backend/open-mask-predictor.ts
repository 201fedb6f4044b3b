/**
 * The network on the provider that the node's setting names.
 *
 * Owns: what is refused of that setting, in the setting's own name.
 * Does not own: loading the network (model-runner/).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { Checkpoint } from "./model/checkpoint.ts";
import {
  createMaskPredictor,
  type PredictorOptions,
} from "./model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "./model-runner/mask-predictor.ts";
import type { SessionOptions } from "./model-runner/onnx-session.ts";

const SETTING = "UNMASK_EXECUTION_PROVIDER";

/**
 * Loads a checkpoint's network for serving.
 *
 * @throws {ApiError} `config_not_supported` for a quantised checkpoint on a provider other than `cpu`;
 *   `session_failed` if the runtime cannot load the network. `param` is the setting where it is at fault.
 */
export async function openMaskPredictor(
  checkpoint: Checkpoint,
  sessionOptions: SessionOptions,
  options: PredictorOptions,
): Promise<MaskPredictor> {
  const { executionProvider: provider } = sessionOptions;
  const { quantization } = checkpoint.config;
  if (provider === "cpu") return await createMaskPredictor(checkpoint, sessionOptions, options);
  if (quantization !== null) {
    throw new ApiError(
      "config_not_supported",
      `${SETTING} must be cpu for a checkpoint with ${quantization} weights, and is ${provider}.`,
      { param: SETTING },
    );
  }
  try {
    return await createMaskPredictor(checkpoint, sessionOptions, options);
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    throw new ApiError(
      cause.code,
      `The runtime cannot load the network on ${provider}, which ${SETTING} asks for: device, driver and libraries must be on this machine, and the network must fit the device.`,
      { param: SETTING, cause },
    );
  }
}
