import fc from "fast-check";
import { describe, it } from "vitest";
import {
  isHole,
  layOutTemplate,
  longestTemplate,
  readTemplate,
  type TemplatePart,
} from "../../../../gpu-backend/infilling/template.ts";
import type { Decoding } from "../../../../gpu-backend/sampler/decoding.ts";
import { fillTemplate } from "./fill-template.ts";
import { CODEC, LOGIT_COUNT, MASK, NETWORKS, spell } from "./small-vocabulary.ts";

const decodings = fc.constantFrom<Decoding>(
  { kind: "schedule" },
  { kind: "filling-schedule" },
  { kind: "threshold", threshold: 0.4 },
  { kind: "factor", factor: 1 },
  { kind: "entropy-bound", bound: 2 },
);
const pinned = fc.oneof(
  fc.constantFrom("a cat ", ", ab", "{", "x"),
  fc.array(fc.integer({ min: 1, max: LOGIT_COUNT - 1 }), { maxLength: 4 }).map((tokenIds) => ({
    tokenIds,
  })),
);
const holes = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.nat(3))
  .map(([minLength, extra]) => ({ minLength, maxLength: minLength + extra }));
const parts = fc
  .tuple(fc.array(fc.oneof(pinned, holes), { maxLength: 5 }), holes, fc.array(pinned))
  .map(([before, hole, after]): TemplatePart[] => [...before, hole, ...after]);
const requests = fc
  .record({
    decoding: decodings,
    temperature: fc.constantFrom(0, 1),
    cache: fc.constantFrom("none" as const, "prefix" as const, "dual" as const),
    minBlockSteps: fc.constantFrom(1, 2),
    guidanceScale: fc.constantFrom(0, 1),
    steps: fc.integer({ min: 1, max: 12 }),
    pace: fc.constantFrom(
      { remasking: "random" as const, revisionSteps: 0 },
      { remasking: "low-confidence" as const, revisionSteps: 2 },
    ),
    excludeEndOfText: fc.boolean(),
    deferEndOfText: fc.boolean(),
  })
  .map(({ pace, ...request }) => ({ ...request, ...pace }));

function refusalOf(template: TemplatePart[]): unknown {
  try {
    return readTemplate(template, CODEC, MASK);
  } catch (error) {
    return error;
  }
}

describe("a template", () => {
  it("keeps its pinned tokens and fills every hole within its lengths", async ({ expect }) => {
    const networks = fc.constantFrom(...Object.values(NETWORKS));
    const prompts = fc.array(fc.integer({ min: 1, max: LOGIT_COUNT - 1 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        prompts,
        parts,
        requests,
        networks,
        async (prompt, template, request, logits) => {
          const segments = readTemplate(template, CODEC, MASK);
          const filled = await fillTemplate(prompt, segments, request, logits);
          const { start, tokenIds, holeIds } = filled;
          for (const [column, id] of start.entries()) {
            if (id !== MASK) expect(tokenIds[column]).toBe(id);
            else expect(CODEC.texts[tokenIds[column] ?? 0]).not.toBeNull();
          }
          for (const [index, hole] of segments.filter(isHole).entries()) {
            expect(hole.lengths).toContain(holeIds[index]?.length);
          }
          expect(filled.steps.length).toBeLessThanOrEqual(request.steps + request.revisionSteps);
        },
      ),
      { numRuns: 120 },
    );
  });

  it("feeds a row per step and one per length that is tried", async ({ expect }) => {
    const segments = readTemplate(
      [{ minLength: 2, maxLength: 5 }, "a", { minLength: 3, maxLength: 3 }],
      CODEC,
      MASK,
    );
    const filled = await fillTemplate([], segments, { steps: 3 }, NETWORKS["random"] ?? (() => []));
    expect(filled.forwardPasses).toBe(4 + 3);
  });

  it("counts its blocks over the holes alone, in their order", async ({ expect }) => {
    const hole = { minLength: 2, maxLength: 2 };
    const segments = readTemplate([hole, "a cat ", hole, "x", hole], CODEC, MASK);
    const request = { steps: 6, blockLength: 2 };
    const { steps, holes: placed } = await fillTemplate(
      [4],
      segments,
      request,
      NETWORKS["random"] ?? (() => []),
    );
    expect(steps.map((step) => step.block)).toEqual([0, 0, 1, 1, 2, 2]);
    for (const { block, committed } of steps) {
      const { start = 0, end = 0 } = placed[block] ?? {};
      expect(committed.every((column) => column >= start && column < end)).toBe(true);
    }
  });

  it("puts text before, between and behind holes where it was asked for", ({ expect }) => {
    const template: TemplatePart[] = [
      { minLength: 1, maxLength: 3 },
      "ab",
      { tokenIds: [5, 6] },
      { minLength: 2, maxLength: 2 },
      "x",
    ];
    const segments = readTemplate(template, CODEC, MASK);
    const { canvas, holes: placed } = layOutTemplate(CODEC.encode("é"), segments, [2, 2], MASK);
    expect([...canvas.tokenIds].map((id) => (id === MASK ? "_" : spell([id]))).join("")).toBe(
      `é__ab${spell([5, 6])}__x`,
    );
    expect(placed.map(({ start, end }) => [start, end])).toEqual([
      [1, 3],
      [6, 8],
    ]);
    expect(canvas.promptLength).toBe(1);
    expect(canvas.generationLength).toBe(4);
    expect(longestTemplate(segments)).toBe(3 + 1 + 2 + 2 + 1);
  });

  it.for<[TemplatePart[], string, string]>([
    [["a"], "no_hole", "template"],
    [[], "no_hole", "template"],
    [["a", { minLength: 0, maxLength: 0 }], "hole_length_invalid", "template.1.length"],
    [[{ minLength: 0, maxLength: 3 }], "hole_length_invalid", "template.0.min_length"],
    [[{ minLength: 1.5, maxLength: 3 }], "hole_length_invalid", "template.0.min_length"],
    [[{ minLength: 1, maxLength: 1e9 }], "hole_length_invalid", "template.0.max_length"],
    [[{ minLength: 4, maxLength: 3 }], "hole_length_invalid", "template.0.max_length"],
    [[{ tokenIds: [5, MASK] }], "invalid_parameter", "template.0.token_ids.1"],
    [[{ tokenIds: [LOGIT_COUNT] }], "invalid_parameter", "template.0.token_ids.0"],
    [[{ tokenIds: [-1] }], "invalid_parameter", "template.0.token_ids.0"],
  ])("%j is refused: %s at %s", ([template, code, param], { expect }) => {
    expect(refusalOf(template)).toMatchObject({ code, param });
  });
});
