import { ApiError } from "#shared/contracts/errors.ts";

/**
 * Refuses what the model cannot hold.
 *
 * @throws {ApiError} `empty_prompt` or `context_length_exceeded`.
 */
export function checkLength(
  promptLength: number,
  generationLength: number,
  maxLength: number,
): void {
  if (promptLength === 0) {
    throw new ApiError("empty_prompt", "The prompt has no token.", { param: "input" });
  }
  if (promptLength + generationLength > maxLength) {
    throw new ApiError(
      "context_length_exceeded",
      `The model holds ${maxLength} tokens, but the request needs ${promptLength + generationLength}: ` +
        `${promptLength} in the prompt and ${generationLength} to generate.`,
      { param: "input" },
    );
  }
}
