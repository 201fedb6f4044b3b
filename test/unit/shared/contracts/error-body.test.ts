import { describe, it } from "vitest";
import {
  errorBodySchema,
  toApiError,
  toErrorBody,
} from "../../../../shared/contracts/error-body.ts";
import { ApiError, ERROR_RULES, type ErrorCode } from "../../../../shared/contracts/errors.ts";

describe("toErrorBody", () => {
  it("writes every code of the table in the shape of the schema", ({ expect }) => {
    for (const code of Object.keys(ERROR_RULES) as ErrorCode[]) {
      const body = toErrorBody(new ApiError(code, "No.", { param: "steps" }), "req_1");
      expect(errorBodySchema.parse(JSON.parse(JSON.stringify(body)))).toEqual({
        error: { message: "No.", type: ERROR_RULES[code].type, code, param: "steps" },
        request_id: "req_1",
      });
    }
  });
});

describe("errorBodySchema", () => {
  it("refuses a code that the table lacks", ({ expect }) => {
    const body = { error: { message: "", type: "", code: "nope", param: null }, request_id: null };
    expect(errorBodySchema.safeParse(body).success).toBe(false);
  });
});

describe("toApiError", () => {
  it("keeps an error that has a code", ({ expect }) => {
    const error = new ApiError("overloaded", "Busy.");
    expect(toApiError(error)).toBe(error);
  });

  it("hides the message of any other error", ({ expect }) => {
    for (const thrown of [new Error("the prompt"), "the prompt", { text: "the prompt" }]) {
      const error = toApiError(thrown);
      expect(error.code).toBe("internal_error");
      expect(JSON.stringify(toErrorBody(error, null))).not.toContain("the prompt");
      expect(error.cause).toBe(thrown);
    }
  });
});
