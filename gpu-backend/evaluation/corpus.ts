/** The held-out files of the training corpus, as measurements read them; see training/README.md. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";

/** Two lines that follow each other. */
export interface Couplet {
  readonly first: string;
  readonly second: string;
}

/** LLaDA's published couplets by what the training text holds of them, and others. */
export interface CoupletGroups {
  /** Word for word in the training text. */
  readonly exact: readonly Couplet[];
  /** In another wording, which is theirs here. */
  readonly variant: readonly Couplet[];
  /** All published ones, in the published wording. */
  readonly all: readonly Couplet[];
  /** Not published; never trained as questions. */
  readonly holdout: readonly Couplet[];
}

/** A question with a number for an answer. */
export interface WordProblem {
  readonly question: string;
  /** The reasoning in GSM8K's form. */
  readonly answer: string;
  readonly final: string;
}

/** All that is measured on, in the files' order. */
export interface Corpus {
  readonly couplets: CoupletGroups;
  /** Templated, with operands that were not trained. */
  readonly problems: readonly WordProblem[];
  readonly stories: readonly string[];
}

const pairSchema = z.object({
  first: z.string(),
  second: z.string(),
  status: z.string().optional(),
  corpus_first: z.string().optional(),
  corpus_second: z.string().optional(),
});
const problemSchema = z.object({ question: z.string(), answer: z.string(), final: z.string() });

/**
 * Reads the files that are measured on.
 *
 * @throws {ApiError} `invalid_parameter`; `param` is `data`, the message names the file.
 */
export async function readCorpus(directory: string): Promise<Corpus> {
  const pairs = z.array(pairSchema).parse(JSON.parse(await read(directory, "poem_pairs.json")));
  const holdout = readLines(await read(directory, "couplet_holdout.jsonl"), pairSchema);
  return {
    couplets: {
      exact: pairs.filter(({ status }) => status === "exact"),
      variant: pairs
        .filter(({ status }) => status === "variant")
        .map((pair) => ({
          first: pair.corpus_first ?? pair.first,
          second: pair.corpus_second ?? pair.second,
        })),
      all: pairs,
      holdout,
    },
    problems: readLines(await read(directory, "arith_test.jsonl"), problemSchema),
    stories: (await read(directory, "stories_val.txt"))
      .split("<|endoftext|>")
      .map((story) => story.trim())
      .filter((story) => story !== ""),
  };
}

/** Parses JSON lines. */
export function readLines<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
): z.infer<Schema>[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => schema.parse(JSON.parse(line)));
}

async function read(directory: string, name: string): Promise<string> {
  try {
    return await readFile(join(directory, name), "utf8");
  } catch (cause) {
    throw new ApiError("invalid_parameter", `The corpus folder has no readable ${name}.`, {
      param: "data",
      cause,
    });
  }
}
