import { describe, it } from "vitest";
import { readJsonSchema } from "../../../../gpu-backend/infilling/json-schema.ts";

function refusalOf(schema: unknown): unknown {
  try {
    return readJsonSchema(schema);
  } catch (error) {
    return error;
  }
}

function nest(depth: number): object {
  let schema: object = { type: "null" };
  for (let i = 0; i < depth; i += 1) schema = { type: "array", maxItems: 1, items: schema };
  return schema;
}

describe("a JSON Schema", () => {
  it("is read with every property, in its order", ({ expect }) => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "A dog",
      type: "object",
      properties: {
        name: { type: "string", description: "What it hears to.", minLength: 1, maxLength: 9 },
        age: { type: "integer", minimum: 0, exclusiveMaximum: 30 },
        kind: { enum: ["big", "small", "big"] },
        friends: { type: "array", minItems: 1, maxItems: 2, items: { type: "boolean" } },
        none: { type: "null" },
      },
      required: ["name"],
      additionalProperties: false,
    };
    expect(readJsonSchema(schema)).toMatchObject({
      kind: "object",
      properties: [
        ["name", { kind: "string", minLength: 1, maxLength: 9 }],
        ["age", { kind: "number", range: { isInteger: true, low: { value: 0 } } }],
        ["kind", { kind: "options", values: ["big", "small"] }],
        [
          "friends",
          { kind: "array", items: [{ values: [true, false] }, { values: [true, false] }] },
        ],
        ["none", { kind: "options", values: [null] }],
      ],
    });
  });

  it("keeps of an enum what the keywords beside it allow", ({ expect }) => {
    const values = [1, 2.5, 7, "a", "abc", null, true];
    const optionsOf = (beside: object) => readJsonSchema({ enum: values, ...beside });
    expect(optionsOf({})).toEqual({ kind: "options", values });
    expect(optionsOf({ type: "integer", maximum: 6 })).toMatchObject({ values: [1] });
    expect(optionsOf({ type: "number", exclusiveMinimum: 1 })).toMatchObject({ values: [2.5, 7] });
    expect(optionsOf({ type: "string", minLength: 2 })).toMatchObject({ values: ["abc"] });
    expect(optionsOf({ type: "null" })).toMatchObject({ values: [null] });
    expect(optionsOf({ type: "boolean" })).toMatchObject({ values: [true] });
    expect(optionsOf({ const: "a" })).toMatchObject({ values: ["a"] });
  });

  it.for<[unknown, string, string]>([
    [null, "schema_not_supported", "schema"],
    [true, "schema_not_supported", "schema"],
    [{}, "schema_not_supported", "schema"],
    [{ type: ["string", "null"] }, "schema_not_supported", "schema.type"],
    [{ type: "constructor" }, "schema_not_supported", "schema.type"],
    [{ type: "string", pattern: "a+" }, "schema_not_supported", "schema.pattern"],
    [{ type: "number", multipleOf: 2 }, "schema_not_supported", "schema.multipleOf"],
    [{ type: "string", minimum: 2 }, "schema_not_supported", "schema.minimum"],
    [{ anyOf: [{ type: "null" }] }, "schema_not_supported", "schema.anyOf"],
    [{ type: "array", items: { type: "null" } }, "schema_not_supported", "schema"],
    [{ type: "array", maxItems: 2 }, "schema_not_supported", "schema.items"],
    [{ type: "array", maxItems: 1e9, items: {} }, "schema_not_supported", "schema.maxItems"],
    [{ type: "array", maxItems: -1, items: {} }, "schema_not_supported", "schema.maxItems"],
    [{ type: "string", minLength: 1.5 }, "schema_not_supported", "schema.minLength"],
    [{ type: "string", minLength: 5000 }, "schema_not_supported", "schema.minLength"],
    [{ type: "number", minimum: "1" }, "schema_not_supported", "schema.minimum"],
    [{ type: "object", properties: [] }, "schema_not_supported", "schema.properties"],
    [{ type: "object", required: [1] }, "schema_not_supported", "schema.required"],
    [{ type: "object", required: ["a"] }, "schema_not_supported", "schema.required"],
    [
      { type: "object", additionalProperties: { type: "null" } },
      "schema_not_supported",
      "schema.additionalProperties",
    ],
    [
      { type: "object", properties: { a: { type: "object", properties: { b: { $ref: "#" } } } } },
      "schema_not_supported",
      "schema.properties.a.properties.b.$ref",
    ],
    [{ enum: "a" }, "schema_not_supported", "schema.enum"],
    [{ enum: [{}] }, "schema_not_supported", "schema.enum"],
    [{ const: [] }, "schema_not_supported", "schema.const"],
    [nest(40), "schema_not_supported", `schema${".items".repeat(33)}`],
    [{ enum: [] }, "schema_not_satisfiable", "schema.enum"],
    [{ type: "string", enum: [1] }, "schema_not_satisfiable", "schema.enum"],
    [{ enum: [1], const: 2 }, "schema_not_satisfiable", "schema.enum"],
    [{ type: "string", minLength: 3, maxLength: 2 }, "schema_not_satisfiable", "schema.minLength"],
    [{ type: "number", minimum: 3, maximum: 2 }, "schema_not_satisfiable", "schema.minimum"],
    [
      { type: "number", minimum: 2, exclusiveMaximum: 2 },
      "schema_not_satisfiable",
      "schema.minimum",
    ],
    [{ type: "integer", minimum: 1.2, maximum: 1.8 }, "schema_not_satisfiable", "schema.minimum"],
    [
      { type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 },
      "schema_not_satisfiable",
      "schema.exclusiveMinimum",
    ],
    [
      { type: "array", minItems: 3, maxItems: 2, items: {} },
      "schema_not_satisfiable",
      "schema.minItems",
    ],
    [
      { type: "object", required: ["a"], additionalProperties: false },
      "schema_not_satisfiable",
      "schema.required",
    ],
  ])("%j is refused: %s at %s", ([schema, code, param], { expect }) => {
    expect(refusalOf(schema)).toMatchObject({ code, param });
  });

  it("is refused when its arrays multiply beyond measure", ({ expect }) => {
    const inner = { type: "array", maxItems: 30, items: { type: "boolean" } };
    const outer = { type: "array", maxItems: 30, items: inner };
    expect(refusalOf(outer)).toMatchObject({ code: "schema_not_supported" });
  });
});
