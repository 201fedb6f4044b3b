import fc from "fast-check";
import { describe, it } from "vitest";
import {
  countHoleTokens,
  fillTemplate,
  joinHoles,
  type TemplatePart,
  templateSchema,
  toTemplateInput,
} from "../../../../shared/contracts/template.ts";

const hole = fc
  .record({ length: fc.integer({ min: 1, max: 6 }), pins: fc.array(fc.nat(6), { maxLength: 4 }) })
  .map(({ length, pins }) => ({
    length,
    pinned: pins
      .filter((at) => at <= length)
      .toSorted((one, other) => one - other)
      .map((at) => ({ at, text: `[${at}]` })),
  }));
const range = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.nat(4))
  .map(([min, more]) => ({ min_length: min, max_length: min + more }));
const templates: fc.Arbitrary<TemplatePart[]> = fc
  .array(fc.oneof(fc.constantFrom("a", " b", ""), hole, range), { minLength: 1, maxLength: 8 })
  .filter((parts) => parts.some((part) => typeof part !== "string"));

describe("a template", () => {
  it("asks a node for as many tokens as its holes have, wherever words are pinned", ({
    expect,
  }) => {
    fc.assert(
      fc.property(templates, (parts) => {
        const template = templateSchema.parse(parts);
        const { segments } = toTemplateInput(template, undefined);
        const tokens = segments.map((segment) => (segment.type === "hole" ? segment.length : 0));
        expect(tokens.every((length) => length >= 0)).toBe(true);
        expect(tokens.reduce((sum, length) => sum + length, 0)).toBe(countHoleTokens(template));
      }),
    );
  });

  it("filled piece by piece reads as its segments do, and its holes as their parts", ({
    expect,
  }) => {
    fc.assert(
      fc.property(templates, (parts) => {
        const { segments } = toTemplateInput(parts, undefined);
        const filled = segments.flatMap((segment, i) =>
          segment.type === "hole" ? [{ text: `<${i}>`, token_count: segment.length }] : [],
        );
        const holes = joinHoles(parts, filled);
        expect(holes).toHaveLength(parts.filter((part) => typeof part !== "string").length);
        const text = segments.map((segment, i) =>
          segment.type === "text" ? segment.text : `<${i}>`,
        );
        expect(fillTemplate(parts, holes ?? [])).toBe(text.join(""));
        expect(joinHoles(parts, [...filled, { text: "", token_count: 1 }])).toBeNull();
        if (filled.length > 0) expect(joinHoles(parts, filled.slice(1))).toBeNull();
      }),
    );
  });
});
