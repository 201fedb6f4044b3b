import type { NodeGenerationRequest } from "../../../../shared/contracts/node-wire.ts";

/** A small request, as the edge hands it to a node. */
export function createNodeRequest(): NodeGenerationRequest {
  return {
    request_id: "gen_1",
    tier: "balanced",
    detail: "text",
    input: { type: "text", text: "Once" },
    parameters: {
      max_tokens: 8,
      temperature: 0,
      cfg_scale: 0,
      remasking: "low_confidence",
      seed: 0,
      logits_eos_inf: false,
      confidence_eos_eot_inf: false,
      stop: [],
      early_exit: false,
      revision_steps: 0,
    },
  };
}
