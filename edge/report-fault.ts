import type { ApiError } from "#shared/contracts/errors.ts";

/** Something that went wrong on our side. */
export interface FaultReport {
  readonly requestId: string;
  readonly error: ApiError;
  /** What was thrown; only its kind and its stack are written. */
  readonly thrown: unknown;
}

/**
 * Gives a reporter that writes one line of JSON per fault. Messages stay out: they may repeat what a
 * client sent.
 */
export function createFaultReporter(
  writeLine: (line: string) => void,
): (report: FaultReport) => void {
  return ({ requestId, error, thrown }) => {
    const origin = error.cause ?? thrown;
    const isError = origin instanceof Error;
    writeLine(
      JSON.stringify({
        event: "fault",
        request_id: requestId,
        code: error.code,
        kind: isError ? origin.name : typeof origin,
        stack: isError ? toFrames(origin.stack ?? "") : [],
      }),
    );
  };
}

/** The lines of a stack that name places; those before them are the message. */
function toFrames(stack: string): string[] {
  return stack
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^at .*:\d+:\d+\)?$/.test(line));
}
