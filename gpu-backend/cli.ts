/**
 * `unmask`: the operator's command line.
 *
 * Owns: the table of commands, their flags, and how results and failures are written.
 * Does not own: what a command does (commands/).
 */

import { parseArgs } from "node:util";
import { ApiError, type ErrorCode } from "#shared/contracts/errors.ts";
import { UnmaskError } from "#shared/sdk/unmask-error.ts";
import { generateCommand } from "./commands/client/generate.ts";
import { keysCommand } from "./commands/client/keys.ts";
import { quoteCommand } from "./commands/client/quote.ts";
import { statusCommand } from "./commands/client/status.ts";
import type { Command, Flags } from "./commands/command.ts";
import { createCompletionCommand } from "./commands/completion.ts";
import { drawCommand } from "./commands/draw.ts";
import { evaluateCommand } from "./commands/evaluate.ts";
import { importCommand } from "./commands/import.ts";
import { infillCommand } from "./commands/infill.ts";
import { logitsCommand } from "./commands/logits.ts";
import { PlainText } from "./commands/plain-text.ts";
import { sampleCommand } from "./commands/sample.ts";
import { resumeCommand } from "./commands/sample-resume.ts";
import { scoreCommand } from "./commands/score.ts";
import type { Terminal } from "./commands/terminal.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  completion: createCompletionCommand(() => COMMANDS),
  draw: drawCommand,
  generate: generateCommand,
  evaluate: evaluateCommand,
  import: importCommand,
  infill: infillCommand,
  keys: keysCommand,
  logits: logitsCommand,
  quote: quoteCommand,
  resume: resumeCommand,
  sample: sampleCommand,
  score: scoreCommand,
  status: statusCommand,
};

const EXIT_FAILURE = 2;

/** One word of the command line, as {@link parseArgs} reads it. */
type Token =
  | { kind: "option"; name: string; rawName: string; value: string | undefined; index: number }
  | { kind: "positional" | "option-terminator"; index: number };

/** A mistake in the command line itself; its usage line is shown. */
class UsageError extends ApiError {
  readonly usage: string;

  constructor(code: ErrorCode, message: string, usage: string, param: string | null) {
    super(code, message, { param });
    this.usage = usage;
  }
}

/** What the command line reads from and writes to; passed in for tests. */
export interface CliStreams {
  writeOutput(text: string): void;
  writeError(text: string): void;
  /** To draw on; null where nobody watches. */
  readonly terminal?: Terminal | null;
}

/**
 * Runs one command.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 0, or 2 with one line of JSON on the error stream.
 */
export async function runCli(args: readonly string[], streams: CliStreams): Promise<number> {
  try {
    const text = await answer(args, streams);
    if (text !== null) {
      streams.writeOutput(`${text}\n`);
    }
    return 0;
  } catch (error) {
    streams.writeError(describeFailure(error));
    return EXIT_FAILURE;
  }
}

/** Returns the text for standard output; null for none. */
async function answer(
  args: readonly string[],
  { writeError, terminal = null }: CliStreams,
): Promise<string | null> {
  const [name, ...rest] = args;
  if (name === undefined) {
    throw new UsageError(
      "missing_parameter",
      "A command is required.",
      "unmask <command>",
      "command",
    );
  }
  if (name === "--help" || name === "-h" || name === "help") {
    return describeCommands();
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new UsageError(
      "unknown_parameter",
      `Unknown command ${name}.`,
      "unmask <command>",
      "command",
    );
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    const examples = command.examples.map((line) => `  unmask ${line}`);
    return `usage: unmask ${command.usage}\n\n${command.summary}\n\nFor example:\n${examples.join("\n")}`;
  }
  const writeProgress = (line: string) => writeError(`${line}\n`);
  const document = await command.run(parseFlags(command, rest), writeProgress, terminal);
  if (document instanceof PlainText) return document.text;
  return document === undefined ? null : JSON.stringify(document);
}

function parseFlags(command: Command, args: readonly string[]): Flags {
  const usage = `unmask ${command.usage}`;
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(command.flags).map(([flag, kind]) => [
        flag,
        { type: kind === "switch" ? ("boolean" as const) : ("string" as const) },
      ]),
    ),
    strict: false,
    tokens: true,
  });
  const flags = new Map<string, string>();
  for (const token of tokens) {
    const [flag, value] = readFlag(token, command, args);
    if (flags.has(flag)) {
      throw new UsageError("invalid_parameter", `--${flag} is given twice.`, usage, flag);
    }
    flags.set(flag, value);
  }
  const missing = Object.keys(command.flags).find(
    (flag) => command.flags[flag] === "required" && !flags.has(flag),
  );
  if (missing !== undefined) {
    throw new UsageError("missing_parameter", `--${missing} is required.`, usage, missing);
  }
  return Object.fromEntries(flags);
}

function readFlag(token: Token, command: Command, args: readonly string[]): [string, string] {
  const usage = `unmask ${command.usage}`;
  if (token.kind === "positional" && command.positionalFlag !== undefined) {
    return [command.positionalFlag, args[token.index] ?? ""];
  }
  if (token.kind !== "option" || !Object.hasOwn(command.flags, token.name)) {
    const word = token.kind === "option" ? token.rawName : (args[token.index] ?? "");
    throw new UsageError("unknown_parameter", `Unknown argument ${word}.`, usage, word);
  }
  const takesValue = command.flags[token.name] !== "switch";
  if (takesValue !== (token.value !== undefined)) {
    const [code, fault] = takesValue
      ? (["missing_parameter", "needs a value"] as const)
      : (["invalid_parameter", "takes no value"] as const);
    throw new UsageError(code, `--${token.name} ${fault}.`, usage, token.name);
  }
  return [token.name, token.value ?? ""];
}

function describeCommands(): string {
  const lines = Object.values(COMMANDS).map(
    (command) => `  unmask ${command.usage}\n      ${command.summary}`,
  );
  return `usage: unmask <command>\n\n${lines.join("\n")}\n`;
}

function describeFailure(error: unknown): string {
  const failure =
    error instanceof ApiError || error instanceof UnmaskError
      ? error
      : new ApiError("internal_error", "The command failed unexpectedly.");
  const { code, message, param } = failure;
  const json = JSON.stringify({ error: { code, message, param } });
  return failure instanceof UsageError ? `${json}\nusage: ${failure.usage}\n` : `${json}\n`;
}

if (import.meta.main) {
  // A reader that has seen enough closes the pipe; that is no failure to report.
  process.stdout.on("error", () => process.exit(EXIT_FAILURE));
  // Not process.exit() at the end: it would cut off what a pipe has not taken yet.
  process.exitCode = await runCli(process.argv.slice(2), {
    writeOutput: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    terminal: process.stderr.isTTY
      ? { columns: process.stderr.columns, write: (text) => process.stderr.write(text) }
      : null,
  });
}
