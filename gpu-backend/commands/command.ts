import { ApiError } from "#shared/contracts/errors.ts";

/** Values of a command's flags by name, without the dashes; a flag that was not given is absent. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** One word of the operator's command line: `unmask <name> --flag VALUE`. */
export interface Command {
  /** The line shown after `usage: unmask `, name included. */
  readonly usage: string;
  /** One sentence for `--help`. */
  readonly summary: string;
  /** Names of the flags, without dashes; each takes a value, at most once. */
  readonly flags: Readonly<Record<string, "required" | "optional">>;
  /**
   * Does the work.
   *
   * @returns The one JSON document for standard output.
   * @throws {ApiError} Written to standard error as JSON, exit code 2.
   */
  run(flags: Flags): Promise<unknown>;
}

/**
 * Reads a flag that the command declares as required.
 *
 * @throws {ApiError} `missing_parameter` if it was not given.
 */
export function requireFlag(flags: Flags, name: string): string {
  const value = flags[name];
  if (value === undefined) {
    throw new ApiError("missing_parameter", `--${name} is required.`, { param: name });
  }
  return value;
}
