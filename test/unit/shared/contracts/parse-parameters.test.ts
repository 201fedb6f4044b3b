import { describe, it } from "vitest";
import { z } from "zod";
import { ApiError } from "../../../../shared/contracts/errors.ts";
import { parseJson, parseParameters } from "../../../../shared/contracts/parse-parameters.ts";

const schema = z.strictObject({
  size: z.int().min(1),
  items: z.array(z.strictObject({ role: z.enum(["a", "b"]) })).default([]),
});

function refusal(value: unknown): ApiError {
  try {
    parseParameters(schema, value);
  } catch (error) {
    if (error instanceof ApiError) return error;
  }
  throw new Error("it was accepted");
}

describe("parseParameters", () => {
  it("gives the parsed value with its defaults", ({ expect }) => {
    expect(parseParameters(schema, { size: 1 })).toEqual({ size: 1, items: [] });
  });

  it("tells unknown, missing and invalid parameters apart and names the field", ({ expect }) => {
    expect(refusal({ size: 1, colour: 1 })).toMatchObject({
      code: "unknown_parameter",
      param: "colour",
    });
    expect(refusal({ size: 1, items: [{ role: "a", x: 1 }] })).toMatchObject({
      code: "unknown_parameter",
      param: "items.0.x",
    });
    expect(refusal({})).toMatchObject({ code: "missing_parameter", param: "size" });
    expect(refusal({ size: 0 })).toMatchObject({ code: "invalid_parameter", param: "size" });
    expect(refusal({ size: 1, items: [{}] })).toMatchObject({
      code: "missing_parameter",
      param: "items.0.role",
    });
    expect(refusal([])).toMatchObject({ code: "invalid_parameter", param: null });
  });

  it("never repeats a value, and of a field's name only the beginning", ({ expect }) => {
    expect(refusal({ size: "my prompt" }).message).not.toContain("my prompt");
    expect(refusal({ size: 1, items: [{ role: "my prompt" }] }).message).not.toContain("my prompt");
    expect(refusal({ size: 1, ["x".repeat(10_000)]: 1 }).message.length).toBeLessThan(300);
  });

  it("does not take an inherited property for a field that was sent", ({ expect }) => {
    expect(refusal(Object.create({ size: "inherited" }))).toMatchObject({ param: "size" });
  });
});

describe("parseJson", () => {
  it("refuses what is no JSON without repeating it", ({ expect }) => {
    expect(parseJson('{"a":1}')).toEqual({ a: 1 });
    for (const text of ["", "{", "my prompt"]) {
      expect(() => parseJson(text)).toThrow(
        expect.objectContaining({ code: "invalid_json", message: "The body is not valid JSON." }),
      );
    }
  });
});
