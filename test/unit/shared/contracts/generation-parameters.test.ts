/** What a node is asked for, by tier and by what the request says itself. */
import { describe, it } from "vitest";
import { checkBody } from "../../../../edge/middleware/check-body.ts";
import { infillRequestSchema, toInfillParameters } from "../../../../shared/contracts/infill.ts";
import {
  type ChatCompletionRequest,
  type CompletionRequest,
  chatCompletionRequestSchema,
  completionRequestSchema,
  toGenerationParameters,
  toTier,
} from "../../../../shared/contracts/public-api.ts";
import { tierSchema } from "../../../../shared/contracts/tier-names.ts";
import { TIERS } from "../../../../shared/contracts/tiers.ts";

const messages = [{ role: "user", content: "Hi" }];
const toParameters = (request: ChatCompletionRequest | CompletionRequest) =>
  toGenerationParameters(request, tierSchema.parse(toTier(request)));
const check = (body: unknown) => checkBody(chatCompletionRequestSchema, body);

describe("the parameters of a generation", () => {
  it("are what was set, and the contract's defaults", ({ expect }) => {
    expect(toParameters(check({ messages }))).toEqual({
      max_tokens: 64,
      steps: 32,
      temperature: 0,
      cfg_scale: 0,
      remasking: "low_confidence",
      seed: 0,
      logits_eos_inf: false,
      confidence_eos_eot_inf: false,
      stop: [],
      confidence_threshold: 0.99,
      cache: "prefix",
      block_length: 8,
      early_exit: false,
      revision_steps: 0,
    });
    const body = check({ messages, max_completion_tokens: 8, steps: null, stop: "x", seed: 3 });
    expect(toParameters(body)).toMatchObject({ max_tokens: 8, stop: ["x"], seed: 3 });
    expect(toParameters(body)).toMatchObject({ steps: 4 });
  });

  it.for([
    ["draft", 8, 0.9, "dual", undefined, true, 0],
    ["fast", 16, 0.9, "dual", 16, true, 0],
    ["balanced", 32, 0.99, "prefix", 8, false, 0],
    ["quality", 64, undefined, "none", 8, false, 0],
    ["max", 64, undefined, "none", 8, false, 64],
  ] as const)(
    "of the tier %s are %i steps for 64 tokens, decoded as its table says",
    async ([tier, steps, threshold, cache, blockLength, exits, revisions], { expect }) => {
      const body = check({ messages, tier });
      expect(toTier(body)).toBe(tier);
      const parameters = toParameters(body);
      expect(parameters).toMatchObject({ steps, cache, early_exit: exits });
      expect(parameters.confidence_threshold).toBe(threshold);
      expect(parameters.block_length).toBe(blockLength);
      expect(parameters.revision_steps).toBe(revisions);
    },
  );

  it("are the request's own where it sets what a tier has", ({ expect }) => {
    const own = { confidence_threshold: 0.5, cache: "none", early_exit: false, revision_steps: 3 };
    expect(toParameters(check({ messages, tier: "draft", ...own }))).toMatchObject({
      steps: 8,
      ...own,
    });
    expect(toParameters(check({ messages, tier: "max", revision_steps: 0 }))).toEqual(
      toParameters(check({ messages, tier: "quality" })),
    );
  });

  it("go by no confidence under random remasking, which draws it", ({ expect }) => {
    for (const tier of ["draft", "max"] as const) {
      const parameters = toParameters(check({ messages, tier, remasking: "random" }));
      expect(parameters.confidence_threshold).toBeUndefined();
      expect(parameters.revision_steps).toBe(0);
    }
  });

  it("have the tier's early exit only where the text ends what is generated", ({ expect }) => {
    const body = { prompt: "Once", tier: "draft", suffix: "The end." };
    expect(toParameters(checkBody(completionRequestSchema, body))).toMatchObject({
      early_exit: false,
      cache: "dual",
    });
  });

  it("have the tier's blocks where they divide, and none where the request says how it is written", ({
    expect,
  }) => {
    const blockOf = (body: object) =>
      toParameters(check({ messages, tier: "quality", ...body })).block_length;
    const own = TIERS.quality.blockLength ?? 0;
    expect(own).toBeGreaterThan(1);
    expect(blockOf({ max_tokens: 8 * own })).toBe(own);
    expect(blockOf({ max_tokens: 47 })).toBe(1);
    expect(blockOf({ max_tokens: 64, block_length: 32 })).toBe(32);
    expect(blockOf({ deadline_ms: 1_000 })).toBeUndefined();
    expect(toParameters(check({ messages, steps: 64 })).block_length).toBeUndefined();
    const schema = { type: "json_schema", json_schema: { schema: { type: "object" } } };
    expect(blockOf({ response_format: schema })).toBeUndefined();
    const suffix = { prompt: "Once", tier: "quality", suffix: "The end." };
    const completion = checkBody(completionRequestSchema, suffix);
    expect(toParameters(completion).block_length).toBeUndefined();
    const template = { template: ["Once ", { length: 8 }, " end."], tier: "quality" };
    const infill = checkBody(infillRequestSchema, template);
    expect(toInfillParameters(infill, "quality").block_length).toBeUndefined();
  });

  it("have at least one step a block, and exact steps where they are named", ({ expect }) => {
    const blocks = check({ messages, tier: "draft", block_length: 4 });
    expect(toParameters(blocks).steps).toBe(16);
    const exact = check({ messages, steps: 7 });
    expect(toParameters(exact)).toMatchObject({ steps: 7, cache: "none" });
    expect(toParameters(exact).confidence_threshold).toBeUndefined();
    expect(toTier(exact)).toBe("quality");
  });

  it("name a tier or steps, not both", ({ expect }) => {
    expect(() => check({ messages, tier: "draft", steps: 8 })).toThrowError(
      expect.objectContaining({ code: "invalid_parameter", param: "tier" }),
    );
  });
});
