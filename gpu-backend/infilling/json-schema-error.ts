import { ApiError, type ErrorCode } from "#shared/contracts/errors.ts";

/** An object of JSON Schema's keywords. */
export type Schema = Readonly<Record<string, unknown>>;

/** The refusal of a keyword that is not understood. */
export function refuse(param: string, complaint: string): ApiError {
  return schemaError("schema_not_supported", param, complaint);
}

/** The refusal of a keyword that no value meets. */
export function unsatisfiable(param: string, complaint: string): ApiError {
  return schemaError("schema_not_satisfiable", param, complaint);
}

function schemaError(code: ErrorCode, param: string, complaint: string): ApiError {
  return new ApiError(code, `The field ${param} ${complaint}.`, { param });
}
