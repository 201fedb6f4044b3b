import type { GenerationParameters } from "#shared/contracts/node-wire.ts";

/** The parameters with what is left of their deadline after `elapsedMs`: at least a millisecond. */
export function toRemainingTime(
  parameters: GenerationParameters,
  elapsedMs: number,
): GenerationParameters {
  const { deadline_ms: deadlineMs } = parameters;
  if (deadlineMs === undefined) return parameters;
  return { ...parameters, deadline_ms: Math.max(1, Math.floor(deadlineMs - elapsedMs)) };
}
