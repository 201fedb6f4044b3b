import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, it } from "vitest";
import { readJsonSchema } from "../../../../gpu-backend/infilling/json-schema.ts";
import { createJsonSkeleton } from "../../../../gpu-backend/infilling/json-skeleton.ts";
import type { Decoding } from "../../../../gpu-backend/sampler/decoding.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";
import { fillTemplate } from "./fill-template.ts";
import { CODEC, NETWORKS } from "./small-vocabulary.ts";

const ajv = new Ajv({ strict: false });

const scalars = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.integer({ min: -1000, max: 1000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const strings = fc.tuple(fc.nat(12), fc.option(fc.nat(12))).map(([minLength, extra]) => ({
  type: "string",
  minLength,
  ...(extra === null ? {} : { maxLength: minLength + extra }),
}));
const bound = fc.oneof(
  fc.integer({ min: -500, max: 500 }),
  fc.integer({ min: -5000, max: 5000 }).map((n) => n / 100),
);
const numbers = fc
  .record({
    type: fc.constantFrom("integer", "number"),
    at: bound,
    width: fc.integer({ min: 2, max: 900 }),
    low: fc.constantFrom("minimum", "exclusiveMinimum", null),
    high: fc.constantFrom("maximum", "exclusiveMaximum", null),
  })
  .map(({ type, at, width, low, high }) => ({
    type,
    ...(low === null ? {} : { [low]: at }),
    ...(high === null ? {} : { [high]: at + width }),
  }));
const options = fc.array(scalars, { minLength: 1, maxLength: 4 }).map((values) => ({
  enum: [...new Set(values.map((value) => (Object.is(value, -0) ? 0 : value)))],
}));
const leaves = fc.oneof(
  strings,
  numbers,
  options,
  fc.constant({ type: "boolean" }),
  fc.constant({ type: "null" }),
  scalars.map((value) => ({ const: value })),
);
const { schemas } = fc.letrec<{ schemas: object }>((tie) => ({
  schemas: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    leaves,
    fc
      .dictionary(fc.string({ maxLength: 5 }), tie("schemas"), { maxKeys: 4 })
      .map((properties) => ({
        type: "object",
        properties,
        required: Object.keys(properties),
        additionalProperties: false,
      })),
    fc.tuple(tie("schemas"), fc.integer({ min: 1, max: 3 })).map(([items, maxItems]) => ({
      type: "array",
      items,
      maxItems,
    })),
  ),
}));
const requests = fc.record({
  decoding: fc.constantFrom<Decoding>(
    { kind: "schedule" },
    { kind: "filling-schedule" },
    { kind: "threshold", threshold: 0 },
    { kind: "threshold", threshold: 0.4 },
  ),
  temperature: fc.constantFrom(0, 1),
  cache: fc.constantFrom("none" as const, "prefix" as const, "dual" as const),
  minBlockSteps: fc.constantFrom(1, 2),
  steps: fc.integer({ min: 1, max: 6 }),
  revisionSteps: fc.constantFrom(0, 2),
  excludeEndOfText: fc.boolean(),
});

describe("a JSON skeleton", () => {
  it("reads as a value that its schema allows, whatever the network answers", async ({
    expect,
  }) => {
    const networks = fc.constantFrom(...Object.values(NETWORKS));
    let filledCount = 0;
    await fc.assert(
      fc.asyncProperty(schemas, requests, networks, async (schema, request, logits) => {
        const skeleton = attempt(schema);
        if (skeleton === null) return;
        filledCount += 1;
        const { holeIds } = await fillTemplate([], skeleton.segments, request, logits);
        const { text, holeTexts } = skeleton.render(holeIds);
        const value: unknown = JSON.parse(text);
        expect([text, ajv.validate(schema, value), ajv.errors]).toEqual([text, true, null]);
        for (const part of holeTexts) expect(text).toContain(part);
      }),
      { numRuns: 150 },
    );
    expect(filledCount).toBeGreaterThan(75);
  });

  it("defers a column that contradicts a surer one, and ends all the same", async ({ expect }) => {
    const schema = { enum: ["abcd", "efgh"] };
    const skeleton = createJsonSkeleton(readJsonSchema(schema), {
      ...CODEC,
      encode: (text) => [...text].flatMap((letter) => CODEC.encode(letter)),
    });
    const column = (letter: string) => CODEC.encode(letter)[0] ?? 0;
    const logits = (_ids: readonly number[], position: number, count: number) =>
      Array.from({ length: count }, (_, id) => {
        if (position === 1 && id === column("a")) return 9;
        return [column("f"), column("g"), column("h")].includes(id) ? 8 : 0;
      });
    const decoding = { kind: "threshold", threshold: 0.5 } as const;
    const filled = await fillTemplate([], skeleton.segments, { decoding, steps: 4 }, logits);
    expect(skeleton.render(filled.holeIds).text).toBe('"abcd"');
    expect(filled.steps.map((step) => step.committed.length)).toEqual([1, 3]);
    const atOnce = await fillTemplate([], skeleton.segments, { decoding, steps: 1 }, logits);
    expect(skeleton.render(atOnce.holeIds).text).toBe('"abcd"');
  });

  it("chooses among values of different lengths by what the network says", async ({ expect }) => {
    const skeleton = createJsonSkeleton(readJsonSchema({ type: "boolean" }), CODEC);
    for (const value of [true, false]) {
      const wanted = new Set(CODEC.encode(String(value)));
      const { holeIds } = await fillTemplate([], skeleton.segments, {}, (_ids, _position, count) =>
        Array.from({ length: count }, (_, id) => (wanted.has(id) ? 5 : 0)),
      );
      expect(skeleton.render(holeIds).text).toBe(String(value));
    }
  });

  it("gives a string as many tokens as its least length needs", ({ expect }) => {
    const lengthsOf = (limits: object, most?: number) =>
      createJsonSkeleton(
        readJsonSchema({ type: "string", ...limits }),
        CODEC,
        most,
      ).segments.flatMap((segment) => ("lengths" in segment ? [segment.lengths] : []));
    expect(lengthsOf({}, 3)).toEqual([[1, 2, 3]]);
    expect(lengthsOf({ maxLength: 2 }, 3)).toEqual([[1, 2]]);
    expect(lengthsOf({ minLength: 20, maxLength: 24 }, 3)).toEqual([[5, 6, 7, 8, 9, 10]]);
  });

  it("refuses a schema of many different limits, and takes equal ones", ({ expect }) => {
    const create = (count: number, limitOf: (index: number) => object) => {
      const names = Array.from({ length: count }, (_, index) => index);
      const properties = Object.fromEntries(names.map((index) => [`p${index}`, limitOf(index)]));
      return () => createJsonSkeleton(readJsonSchema({ type: "object", properties }), CODEC);
    };
    const different = (index: number) => ({ type: "string", maxLength: index + 1 });
    expect(create(32, different)).not.toThrow();
    expect(create(33, different)).toThrow(
      expect.objectContaining({
        code: "schema_not_supported",
        param: "schema.properties.p32",
      }),
    );
    expect(create(100, () => ({ type: "integer" }))).not.toThrow();
  });

  it.for<[unknown, string, string]>([
    [{ const: 1 }, "no_hole", "schema"],
    [{ type: "array", maxItems: 0, items: { type: "string" } }, "no_hole", "schema"],
    [{ type: "string", maxLength: 0 }, "no_hole", "schema"],
    [
      { type: "object", properties: { a: { type: "number", minimum: 1e12 } } },
      "schema_not_supported",
      "schema.properties.a",
    ],
  ])("%j is refused: %s at %s", ([schema, code, param], { expect }) => {
    expect(() => createJsonSkeleton(readJsonSchema(schema), CODEC)).toThrow(
      expect.objectContaining({ code, param }),
    );
  });
});

/** The skeleton, null where the schema leaves nothing open or asks for a bound out of reach. */
function attempt(schema: unknown) {
  try {
    return createJsonSkeleton(readJsonSchema(schema), CODEC, 6);
  } catch (error) {
    if (error instanceof ApiError && /^no_hole$|^schema_/.test(error.code)) return null;
    throw error;
  }
}
