import { describe, it } from "vitest";
import {
  infillRequestSchema,
  readInfillSettings,
  readTask,
} from "../../../../gpu-backend/commands/infill-request.ts";

const MODEL = {
  maxLength: 64,
  logitCount: 32,
  specialTokens: { maskTokenId: 2, endOfTextTokenId: 1, endOfTurnTokenId: null },
};

function read(fields: object) {
  return infillRequestSchema.parse(fields);
}

function failureOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("an infill request", () => {
  it("has a template of texts, holes and ids", ({ expect }) => {
    const request = read({
      template: ["a", { length: 2 }, { min_length: 1, max_length: 3 }, { token_ids: [7] }],
      prompt: "b",
    });
    expect(readTask(request)).toEqual({
      field: "template",
      parts: [
        "a",
        { minLength: 2, maxLength: 2 },
        { minLength: 1, maxLength: 3 },
        { tokenIds: [7] },
      ],
    });
  });

  it("has a schema as it stands, null too", ({ expect }) => {
    expect(readTask(read({ schema: { type: "null" } }))).toEqual({
      field: "schema",
      schema: { type: "null" },
    });
    expect(readTask(read({ schema: null }))).toEqual({ field: "schema", schema: null });
  });

  it.for<[object, string, string]>([
    [{}, "missing_parameter", "template"],
    [{ template: [], schema: {} }, "invalid_parameter", "schema"],
    [
      { template: [], prompt: "", messages: [{ role: "user", content: "" }] },
      "invalid_parameter",
      "messages",
    ],
    [{ template: [{}] }, "invalid_parameter", "template.0"],
    [{ template: ["a", { length: 1, token_ids: [3] }] }, "invalid_parameter", "template.1"],
    [{ template: [{ min_length: 1 }] }, "invalid_parameter", "template.0"],
    [
      { template: [], params: { max_string_tokens: 3 } },
      "invalid_parameter",
      "params.max_string_tokens",
    ],
  ])("%j is refused: %s at %s", ([fields, code, param], { expect }) => {
    expect(failureOf(() => readTask(read(fields)))).toMatchObject({ code, param });
  });

  it("runs half as many steps as it fills tokens, in one block", ({ expect }) => {
    const settings = readInfillSettings(read({ template: [] }), 9, false, MODEL);
    expect(settings).toMatchObject({ generationLength: 9, blockLength: 9, steps: 4 });
    expect(readInfillSettings(read({ template: [] }), 1, false, MODEL).steps).toBe(1);
    const request = read({ template: [], params: { block_length: 3 } });
    expect(readInfillSettings(request, 9, true, MODEL)).toMatchObject({ blockLength: 3, steps: 4 });
  });

  it.for<[object, boolean, string, string]>([
    [{ block_length: 3 }, false, "invalid_parameter", "params.block_length"],
    [{ block_length: 4 }, true, "block_length_not_a_divisor", "params.block_length"],
    [{ block_length: 3, steps: 2 }, true, "more_blocks_than_steps", "params.steps"],
    [{ temperature: 3 }, false, "invalid_parameter", "params.temperature"],
    [{ threshold: 0.5 }, false, "invalid_parameter", "params.threshold"],
  ])(
    "%j is refused for holes of fixed length %s: %s at %s",
    ([params, isFixed, code, param], { expect }) => {
      const request = read({ template: [], params });
      expect(failureOf(() => readInfillSettings(request, 9, isFixed, MODEL))).toMatchObject({
        code,
        param,
      });
    },
  );
});
