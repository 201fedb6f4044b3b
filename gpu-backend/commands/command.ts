import { ApiError } from "#shared/contracts/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Values of a command's flags by name, without the dashes; empty for a switch, absent if not given. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** One word of the operator's command line: `unmask <name> --flag VALUE`. */
export interface Command {
  /** The line shown after `usage: unmask `, name included. */
  readonly usage: string;
  /** One sentence for `--help`. */
  readonly summary: string;
  /** Command lines that do something useful, for the command's own `--help`. */
  readonly examples: readonly string[];
  /** Names of the flags, without dashes; each at most once, with a value unless it is a switch. */
  readonly flags: Readonly<Record<string, "required" | "optional" | "switch">>;
  /** The flag that a word without dashes stands for; none if absent. */
  readonly positionalFlag?: string;
  /**
   * Does the work.
   *
   * @param writeProgress Takes a line for the operator's eyes, to standard error.
   * @param terminal To draw on; null where nobody watches.
   * @returns The one JSON document for standard output, or a `PlainText` for people.
   * @throws {ApiError} Written to standard error as JSON, exit code 2.
   */
  run(
    flags: Flags,
    writeProgress?: (line: string) => void,
    terminal?: Terminal | null,
  ): Promise<unknown>;
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
