/**
 * What the model is asked, and what an answer is worth.
 *
 * Owns: the items of each task, their lengths and how they are scored.
 * Does not own: how they are decoded (decodings.ts), running them (run-requests.ts).
 */

import type { Corpus, Couplet, WordProblem } from "./corpus.ts";
import type { EvaluatedModel } from "./evaluation-model.ts";
import type { Outcome, RequestInput } from "./run-requests.ts";

/** One question. */
export interface TaskItem {
  readonly input: RequestInput;
  /** Columns to fill. */
  readonly generationLength: number;
  /** What an answer is worth, in [0, 1]. */
  readonly score: (outcome: Pick<Outcome, "text" | "holes" | "tokenIds">) => number;
}

/** A hole in a text that is known. */
export interface HoleItem extends TaskItem {
  /** What stood there. */
  readonly hidden: readonly number[];
}

/** Questions of one kind. */
export interface Task {
  readonly name: string;
  /** What a score of 1 means. */
  readonly meaning: string;
  readonly items: readonly TaskItem[];
}

/** Columns of the answers in chat form. */
const PROBLEM_LENGTH = 48;
const SUM_LENGTH = 20;
const STORY_LENGTH = 64;
/** Of an infilled story: its first columns, and those that are hidden among them. */
const WINDOW_LENGTH = 64;
const HOLE_LENGTH = 8;
const FIRST_HOLE_COLUMN = 24;
const HOLE_COLUMNS = 24;

/** Subjects of the stories that are asked for; the first ones are the card's. */
const STORY_REQUESTS = [
  "Tell me a story.",
  "Tell me a story about a cat named Tom.",
  "Tell me a story about a dragon.",
  "Write a short story about a little girl and her dog.",
  "Write a story about a brave fish.",
  "A story about a red ball, please.",
  "Tell me a story about a bear who loved honey.",
  "Write a story about a tree.",
  "Tell me a story about a little boy named Tim.",
  "Can you tell me a story about a bird?",
  "Write a short story about a boat.",
  "A story about a big box, please.",
  "Tell me a story about a girl named Lily.",
  "Write a story about a frog.",
  "Tell me a story about a park.",
  "Please tell me a story about a cake.",
] as const;

/** How many items each task has. */
const COUNTS = { couplets: 120, sums: 200, problems: 200, holes: 100, stories: 16 } as const;
const QUICK_COUNTS = { couplets: 20, sums: 20, problems: 8, holes: 16, stories: 3 } as const;

/** All tasks that the corpus allows; the first items of each, the same in every run. */
export function createTasks(
  model: EvaluatedModel,
  corpus: Corpus | null,
  isQuick: boolean,
): Task[] {
  const counts = isQuick ? QUICK_COUNTS : COUNTS;
  const couplets = corpus?.couplets.exact.slice(0, counts.couplets) ?? [];
  const ofCorpus: Task[] =
    corpus === null
      ? []
      : [
          {
            name: "couplets",
            meaning: "the hidden line, either one, whole",
            items: [
              ...maskedCouplets(model, couplets, "next"),
              ...maskedCouplets(model, couplets, "previous"),
            ],
          },
          {
            name: "problems",
            meaning: "the number after ####",
            items: wordProblems(corpus.problems.slice(0, counts.problems)),
          },
          {
            name: "holes",
            meaning: "the hidden tokens of a story, each",
            items: storyHoles(model, corpus.stories.slice(0, counts.holes)),
          },
        ];
  return [
    ...ofCorpus,
    { name: "sums", meaning: "the number after ####", items: sums(counts.sums) },
    { name: "stories", meaning: "", items: storyRequests(counts.stories) },
  ];
}

/** A couplet with one whole line masked, its length given, the other line and the punctuation visible. */
export function maskedCouplets(
  model: EvaluatedModel,
  couplets: readonly Couplet[],
  hidden: "next" | "previous",
): TaskItem[] {
  return couplets.map(({ first, second }) => {
    const wanted = hidden === "next" ? second : first;
    const length = model.tokenizer.encodeUserText(wanted).length;
    const hole = { minLength: length, maxLength: length };
    const parts = hidden === "next" ? [`${first}，`, hole, "。"] : [hole, `，${second}。`];
    return {
      input: { kind: "template", parts },
      generationLength: length,
      score: ({ holes }) => Number(holes[0] === wanted),
    };
  });
}

/** LLaDA's two questions, `{}` being the line that is given. */
const COUPLET_QUESTIONS = {
  next: "{}的下一句是什么？直接输出句子即可。",
  previous: "{}的上一句是什么？直接输出句子即可。",
} as const;

/** A couplet asked for in chat form; the line must come out and nothing else. */
export function askedCouplets(
  couplets: readonly Couplet[],
  asked: "next" | "previous",
  generationLength: number,
): TaskItem[] {
  return couplets.map(({ first, second }) => {
    const [given, wanted] = asked === "next" ? [first, second] : [second, first];
    return {
      input: { kind: "chat", content: COUPLET_QUESTIONS[asked].replace("{}", given) },
      generationLength,
      score: ({ text }) => Number(stripPunctuation(text) === wanted),
    };
  });
}

/** The line without what may stand around it. */
function stripPunctuation(text: string): string {
  return text.replace(/^[\s“"]+|[\s。！？，、”"]+$/gu, "");
}

/** Templated word problems; the number after `####` must be right. */
export function wordProblems(problems: readonly WordProblem[]): TaskItem[] {
  return problems.map(({ question, final }) => ({
    input: { kind: "chat", content: question },
    generationLength: PROBLEM_LENGTH,
    score: ({ text }) => Number(readFinal(text) === final),
  }));
}

/** The number after `####`; null where there is none. */
export function readFinal(text: string): string | null {
  return /####\s*\$?(-?[\d,.]*\d)/.exec(text)?.[1]?.replaceAll(",", "") ?? null;
}

/** Sums, differences and products as they are trained: drawn anew, so some of them were seen. */
export function sums(count: number): TaskItem[] {
  return Array.from({ length: count }, (_, index) => {
    // Coprime strides: operands and signs in every combination, the same in every run.
    const sign = "+-*"[index % 3] ?? "+";
    const [range, b] =
      sign === "*" ? [13, (index * 5 + Math.floor(index / 39)) % 13] : [61, (index * 17) % 61];
    const a = ((index * 7) % range) + (sign === "-" ? b : 0);
    const result = sign === "+" ? a + b : sign === "-" ? a - b : a * b;
    return {
      input: { kind: "chat", content: `What is ${a}${sign}${b}?` },
      generationLength: SUM_LENGTH,
      score: ({ text }) => Number(readFinal(text) === String(result)),
    };
  });
}

/** Stories with a hole of eight tokens; worth the share of tokens that come out as they were. */
export function storyHoles(model: EvaluatedModel, stories: readonly string[]): HoleItem[] {
  return stories
    .map((story) => model.tokenizer.encodeUserText(story).slice(0, WINDOW_LENGTH))
    .filter((ids) => ids.length === WINDOW_LENGTH)
    .map((ids, index) => {
      const start = FIRST_HOLE_COLUMN + ((index * 7) % HOLE_COLUMNS);
      const hidden = ids.slice(start, start + HOLE_LENGTH);
      const parts = [
        { tokenIds: ids.slice(0, start) },
        { minLength: HOLE_LENGTH, maxLength: HOLE_LENGTH },
        { tokenIds: ids.slice(start + HOLE_LENGTH) },
      ];
      return {
        input: { kind: "template", parts },
        generationLength: HOLE_LENGTH,
        hidden,
        score: ({ tokenIds }) =>
          hidden.filter((id, i) => tokenIds[i] === id).length / hidden.length,
      };
    });
}

/** Stories on request; what they are worth, the judge says. */
export function storyRequests(count: number): TaskItem[] {
  return STORY_REQUESTS.slice(0, count).map((content) => ({
    input: { kind: "chat", content },
    generationLength: STORY_LENGTH,
    score: () => Number.NaN,
  }));
}
