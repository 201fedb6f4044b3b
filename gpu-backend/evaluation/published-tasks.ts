/**
 * The tasks that LLaDA's paper reports, as prompts and scores; pure.
 *
 * Prompts are those of lm-evaluation-harness, which the paper used for the base model.
 * Source of the settings: arXiv 2502.09992, appendix B.6.
 */

import { z } from "zod";

/** A GSM8K record. */
export const gsm8kSchema = z.object({ question: z.string(), answer: z.string() });
export type Gsm8kRecord = z.infer<typeof gsm8kSchema>;

const CHOICE_LETTERS = ["A", "B", "C", "D"] as const;
const CHOICE_COUNT = CHOICE_LETTERS.length;

/** An MMLU record, as `cais/mmlu` has it; the answer is an index, or its letter. */
export const mmluSchema = z.object({
  question: z.string(),
  choices: z.array(z.string()).length(CHOICE_COUNT),
  answer: z.union([
    z
      .int()
      .min(0)
      .max(CHOICE_COUNT - 1),
    z.enum(CHOICE_LETTERS).transform((letter) => CHOICE_LETTERS.indexOf(letter)),
  ]),
  subject: z.string().default(""),
});
export type MmluRecord = z.infer<typeof mmluSchema>;

/** A couplet, as LLaDA's `data/poem_data.json` has it. */
export const coupletSchema = z.object({ first: z.string(), second: z.string() });

/** Settings of a task; `length` columns are filled in as many steps, in one block. */
export interface PublishedSettings {
  readonly shots: number;
  /** Null where nothing is written. */
  readonly length: number | null;
  /** End-of-text is committed last. */
  readonly defersEnd: boolean;
  /** The paper's figure for LLaDA-8B in these settings, percent; null where it names none. */
  readonly published: number | null;
}

/** By task; `base` is a pre-trained model, `chat` an instruction-tuned one. */
export const PUBLISHED_SETTINGS = {
  gsm8k: {
    base: { shots: 4, length: 1024, defersEnd: false, published: 70.7 },
    // One column a step in one block, end-of-text last: 69.4 in table 8.
    chat: { shots: 0, length: 512, defersEnd: true, published: 69.4 },
  },
  mmlu: {
    base: { shots: 5, length: null, defersEnd: false, published: 65.9 },
    chat: null,
  },
  reversal: {
    base: null,
    // The paper does not say how long; a line has at most some twenty tokens.
    chat: { shots: 0, length: 32, defersEnd: false, published: null },
  },
} as const satisfies Record<string, Record<"base" | "chat", PublishedSettings | null>>;
export type PublishedTask = keyof typeof PUBLISHED_SETTINGS;

/** What a base model's answer is cut at: the next question, which it writes by itself. */
const NEXT_QUESTION = "Question:";

/** A question after some that are answered. */
export function gsm8kPrompt(examples: readonly Gsm8kRecord[], question: string): string {
  const answered = examples.map(
    (example) => `Question: ${example.question}\nAnswer: ${example.answer}\n\n`,
  );
  return `${answered.join("")}Question: ${question}\nAnswer:`;
}

/**
 * Compares numbers as the harness does.
 *
 * @returns `strict`: the number after `####`; `flexible`: the last number of the answer.
 */
export function scoreGsm8k(text: string, answer: string): { strict: boolean; flexible: boolean } {
  const own = text.split(NEXT_QUESTION)[0] ?? "";
  const wanted = readNumber(/####\s*(\S+)/.exec(answer)?.[1]);
  const last = own.match(/-?\$?\d[\d,]*(?:\.\d+)?/g)?.at(-1);
  return {
    strict: readNumber(/####\s*(-?\$?[\d.,]+)/.exec(own)?.[1]) === wanted,
    flexible: readNumber(last) === wanted,
  };
}

/** Null is no number, and equals none. */
function readNumber(text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text.replaceAll(/[$,]/g, "").replace(/\.$/, ""));
  return Number.isNaN(value) ? null : value;
}

/** A question with its choices, after some of the same subject that are answered. */
export function mmluPrompt(examples: readonly MmluRecord[], record: MmluRecord): string {
  const subject = record.subject.replaceAll("_", " ");
  const head = `The following are multiple choice questions (with answers) about ${subject}.\n\n`;
  const answered = examples.map(
    (example) => `${askMmlu(example)} ${CHOICE_LETTERS[example.answer]}\n\n`,
  );
  return `${head}${answered.join("")}${askMmlu(record)}`;
}

function askMmlu({ question, choices }: MmluRecord): string {
  const listed = choices.map((choice, i) => `${CHOICE_LETTERS[i]}. ${choice}\n`);
  return `${question.trim()}\n${listed.join("")}Answer:`;
}

/** What may follow the prompt, in the choices' order. */
export const MMLU_ANSWERS: readonly string[] = CHOICE_LETTERS.map((letter) => ` ${letter}`);
