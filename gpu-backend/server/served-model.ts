import type { NodeInput, NodeModel } from "#shared/contracts/node-wire.ts";
import type { GenerationModel } from "../engine/create-generation.ts";

/** A prompt as the wire brings it. */
type PromptInput = Extract<NodeInput, { type: "text" | "messages" }>;

/** What the server must know of the one model that its node serves. */
export interface ServedModel extends GenerationModel {
  readonly description: NodeModel;
  /**
   * A prompt in tokens; messages go through the model's chat template.
   *
   * @throws {ApiError} `invalid_parameter` if the template refuses the messages.
   */
  encodePrompt(input: PromptInput): ArrayLike<number>;
}
