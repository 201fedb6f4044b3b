import { describe, it } from "vitest";
import { planNetwork } from "../../../../gpu-backend/commands/import-plan.ts";
import { parseCheckpointConfig } from "../../../../gpu-backend/model/checkpoint-config.ts";
import { LLADA_8B_CONFIG } from "../../../support/published-config.ts";

const CONFIG = parseCheckpointConfig(LLADA_8B_CONFIG);
const RATES = { fp32: 1e11, int8: 2e11, int4: 1e11 };

describe("the plan of LLaDA-8B", () => {
  const plan = planNetwork(CONFIG, "BF16", CONFIG.layerCount, RATES);

  it("has the parameters that its authors count", ({ expect }) => {
    expect(plan.parameters).toBe(8_015_581_184);
  });

  it("takes the published 16 GB in bf16 and about half of it in int8", ({ expect }) => {
    const { bf16, int8, int4, fp32 } = plan.memory_bytes;
    // Norms are counted in float32.
    expect(bf16.weights / (2 * plan.parameters)).toBeCloseTo(1, 4);
    expect(int8.weights / bf16.weights).toBeGreaterThan(0.5);
    expect(int8.weights / bf16.weights).toBeLessThan(0.54);
    expect(int4.weights).toBeLessThan(int8.weights);
    expect(fp32.weights).toBeGreaterThan(bf16.weights);
  });

  it("takes for a step twice the parameters times the columns over the rate", ({ expect }) => {
    const step = plan.step_ms_on_one_thread.fp32;
    const layers = 32 * plan.parameters_per_layer * plan.pass.columns;
    const head = CONFIG.embeddingSize * CONFIG.modelSize * plan.pass.candidates;
    const milliseconds = (1000 * 2 * (layers + head)) / RATES.fp32;
    // Attention adds one part in a hundred at this length.
    expect(step.total / milliseconds).toBeGreaterThan(1);
    expect(step.total / milliseconds).toBeLessThan(1.02);
  });
});

describe("any plan", () => {
  it("is what lies outside the layers plus as many times one layer", ({ expect }) => {
    for (const layers of [1, 2, 32]) {
      const plan = planNetwork(CONFIG, "BF16", layers, RATES);
      const { memory_bytes: memory, step_ms_on_one_thread: step } = plan;
      const { weights, weights_per_layer, weights_outside_layers } = memory.int8;
      expect(plan.parameters).toBe(
        plan.parameters_outside_layers + layers * plan.parameters_per_layer,
      );
      expect(weights).toBe(weights_outside_layers + layers * weights_per_layer);
      expect(step.int8.total).toBeCloseTo(
        step.int8.outside_layers + layers * step.int8.per_layer,
        6,
      );
      expect(memory.int8.total).toBe(
        weights +
          memory.int8.activations +
          memory.int8.candidate_logits +
          memory.int8.kept_keys_and_values,
      );
    }
  });

  it("keeps a tied embedding for looking ids up beside its quantised form", ({ expect }) => {
    const tied = { ...CONFIG, hasTiedWeights: true };
    const { int8 } = planNetwork(tied, "BF16", 1, RATES).memory_bytes;
    const untied = planNetwork(CONFIG, "BF16", 1, RATES).memory_bytes.int8;
    expect(int8.weights).toBe(untied.weights);
  });
});
