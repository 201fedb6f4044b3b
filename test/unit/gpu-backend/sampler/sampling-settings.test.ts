import { describe, it } from "vitest";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";

const TOKENS = { maskTokenId: 9, endOfTextTokenId: 8, endOfTurnTokenId: null };

describe("resolveSamplingSettings", () => {
  it("fills in half as many steps as tokens, blocks near 32 and no randomness", ({ expect }) => {
    expect(resolveSamplingSettings({ generationLength: 64 }, TOKENS)).toEqual({
      steps: 32,
      generationLength: 64,
      blockLength: 32,
      temperature: 0,
      guidanceScale: 0,
      remasking: "low-confidence",
      decoding: { kind: "schedule" },
      cache: "none",
      minBlockSteps: 1,
      excludeEndOfText: false,
      deferEndOfText: false,
      earlyExit: false,
      adaptiveLength: null,
      revisionSteps: 0,
      revisionThreshold: 0.9,
      ...TOKENS,
    });
  });

  it("takes DAEDAL's published parameters for an adaptive length", ({ expect }) => {
    const settings = resolveSamplingSettings({ generationLength: 70, adaptiveLength: {} }, TOKENS);
    expect(settings).toMatchObject({
      generationLength: 70,
      blockLength: 32,
      decoding: { kind: "threshold", threshold: 0.9 },
      adaptiveLength: {
        maxLength: 2048,
        expansion: 8,
        endWindow: 32,
        initialEndConfidence: 0.5,
        endConfidence: 0.9,
        lowConfidence: 0.1,
      },
    });
  });

  it("resolves settings to themselves", ({ expect }) => {
    for (const adaptiveLength of [null, { maxLength: 99 }]) {
      const settings = resolveSamplingSettings(
        { generationLength: 64, adaptiveLength, revisionSteps: 3, earlyExit: true },
        TOKENS,
      );
      expect(resolveSamplingSettings(settings, settings)).toEqual(settings);
    }
  });

  it("gives every block a step when only the block length is named", ({ expect }) => {
    const settings = resolveSamplingSettings({ generationLength: 12, blockLength: 1 }, TOKENS);
    expect(settings.steps).toBe(12);
  });

  it.for<[string, string, Partial<SamplingRequest>]>([
    ["invalid_parameter", "max_tokens", { generationLength: 0 }],
    ["invalid_parameter", "max_tokens", { generationLength: 1.5 }],
    ["invalid_parameter", "steps", { steps: 0 }],
    ["invalid_parameter", "steps", { steps: Number.NaN }],
    ["invalid_parameter", "block_length", { blockLength: 0 }],
    ["block_length_not_a_divisor", "block_length", { blockLength: 5 }],
    ["block_length_not_a_divisor", "block_length", { blockLength: 32 }],
    ["more_blocks_than_steps", "steps", { blockLength: 4, steps: 3 }],
    ["invalid_parameter", "temperature", { temperature: -0.1 }],
    ["invalid_parameter", "temperature", { temperature: Number.NaN }],
    ["invalid_parameter", "temperature", { temperature: 2.1 }],
    ["invalid_parameter", "cfg_scale", { guidanceScale: -1 }],
    ["invalid_parameter", "cfg_scale", { guidanceScale: 11 }],
    [
      "invalid_parameter",
      "confidence_threshold",
      { decoding: { kind: "threshold", threshold: -1 } },
    ],
    [
      "invalid_parameter",
      "confidence_threshold",
      { decoding: { kind: "threshold", threshold: 1.1 } },
    ],
    ["invalid_parameter", "factor", { decoding: { kind: "factor", factor: 0 } }],
    ["invalid_parameter", "factor", { decoding: { kind: "factor", factor: Number.NaN } }],
    ["invalid_parameter", "revision_steps", { revisionSteps: -1 }],
    ["invalid_parameter", "revision_steps", { revisionSteps: 0.5 }],
    ["invalid_parameter", "revision_steps", { revisionSteps: 65_537 }],
    ["invalid_parameter", "revision_steps", { revisionSteps: 1, remasking: "random" }],
    ["invalid_parameter", "revision_threshold", { revisionThreshold: 1.1 }],
    ["invalid_parameter", "revision_threshold", { revisionThreshold: Number.NaN }],
    [
      "invalid_parameter",
      "adaptive_length",
      { adaptiveLength: {}, decoding: { kind: "schedule" } },
    ],
    ["invalid_parameter", "steps", { adaptiveLength: {}, steps: 0 }],
    ["invalid_parameter", "adaptive_length.max_gen_length", { adaptiveLength: { maxLength: 15 } }],
    ["invalid_parameter", "adaptive_length.expansion_factor", { adaptiveLength: { expansion: 1 } }],
    ["invalid_parameter", "adaptive_length.eos_check_tokens", { adaptiveLength: { endWindow: 0 } }],
    [
      "invalid_parameter",
      "adaptive_length.eos_confidence_threshold",
      { adaptiveLength: { initialEndConfidence: 1.5 } },
    ],
    [
      "invalid_parameter",
      "adaptive_length.expand_eos_confidence_threshold",
      { adaptiveLength: { endConfidence: -0.5 } },
    ],
    [
      "invalid_parameter",
      "adaptive_length.low_conf_threshold",
      { adaptiveLength: { lowConfidence: Number.NaN } },
    ],
    ["invalid_parameter", "entropy_bound", { decoding: { kind: "entropy-bound", bound: -0.1 } }],
  ])("refuses with %s at %s: %j", ([code, param, change], { expect }) => {
    const request = { generationLength: 16, ...change };
    expect(() => resolveSamplingSettings(request, TOKENS)).toThrow(
      expect.objectContaining({ code, param }),
    );
  });
});
