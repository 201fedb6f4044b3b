/**
 * `unmask evaluate`: an operator's own checkpoint on the tasks of LLaDA's paper, in its settings.
 *
 * Owns: the flags, the files, and the document.
 * Does not own: the tasks (evaluation/published-tasks.ts, evaluation/published-runs.ts).
 */

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { readLines } from "../evaluation/corpus.ts";
import { openModel } from "../evaluation/evaluation-model.ts";
import type { Figure } from "../evaluation/part.ts";
import { ProgressBar } from "../evaluation/progress-bar.ts";
import { type PublishedRun, runGsm8k, runMmlu, runReversal } from "../evaluation/published-runs.ts";
import {
  coupletSchema,
  gsm8kSchema,
  mmluSchema,
  PUBLISHED_SETTINGS,
  type PublishedSettings,
  type PublishedTask,
} from "../evaluation/published-tasks.ts";
import { type Command, type Flags, requireFlag } from "./command.ts";

/** The document. */
interface PublishedResult {
  readonly task: PublishedTask;
  readonly records: number;
  readonly shots: number;
  /** Columns filled, and steps; null where nothing is written. */
  readonly length: number | null;
  readonly is_chat: boolean;
  /** False where a flag changed a published setting: the figures are then not comparable. */
  readonly is_as_published: boolean;
  /** LLaDA-8B's figure in these settings, percent; null where there is none. */
  readonly published_percent: number | null;
  readonly results: Readonly<Record<string, Figure>>;
}

/** `unmask evaluate`. */
export const evaluateCommand: Command = {
  usage:
    "evaluate --checkpoint DIR --task gsm8k|mmlu|reversal --data FILE [--examples FILE] [--shots N] [--length N] [--limit N] [--chat]",
  summary:
    "Measures a checkpoint on GSM8K, MMLU or couplets in both directions, in the settings of LLaDA's paper.",
  examples: [
    "evaluate --checkpoint /models/LLaDA-8B-Instruct --task gsm8k --data gsm8k_test.jsonl",
  ],
  flags: {
    checkpoint: "required",
    task: "required",
    data: "required",
    examples: "optional",
    shots: "optional",
    length: "optional",
    limit: "optional",
    chat: "switch",
  },
  async run(flags, writeProgress = () => undefined, terminal = null): Promise<PublishedResult> {
    const { task, settings, isChat, isAsPublished } = readSetup(flags);
    const limit = readCount(flags, "limit") ?? Number.POSITIVE_INFINITY;
    const load = FILES[task];
    const data = await load(requireFlag(flags, "data"), "data");
    const records = data.slice(0, limit);
    if (records.length === 0) throw invalid("data", "has no record");
    const examples = await readExamples(flags, settings, load);
    const model = await openModel(requireFlag(flags, "checkpoint"));
    const total = task === "reversal" ? 2 * records.length : records.length;
    const bar = new ProgressBar({
      terminal,
      writeLine: writeProgress,
      now: () => performance.now(),
    });
    const onDone = (done: number) => bar.show(done / total, `${done} of ${total}`);
    try {
      return {
        task,
        records: records.length,
        shots: settings.shots,
        length: settings.length,
        is_chat: isChat,
        is_as_published: isAsPublished && records.length === data.length,
        published_percent: settings.published,
        results: await runTask(task, { model, settings, isChat, onDone }, records, examples),
      };
    } finally {
      bar.clear();
      await model.predictor.close();
    }
  },
};

/** How each task's file is read. */
const FILES = {
  gsm8k: (file: string, param: string) => readRecords(file, param, gsm8kSchema),
  mmlu: (file: string, param: string) => readRecords(file, param, mmluSchema),
  reversal: (file: string, param: string) => readRecords(file, param, coupletSchema),
} as const satisfies Record<PublishedTask, unknown>;

/** What each task does with its records; they are of its own schema. */
function runTask(
  task: PublishedTask,
  run: PublishedRun,
  records: readonly unknown[],
  examples: readonly unknown[],
): Promise<Readonly<Record<string, Figure>>> {
  switch (task) {
    case "gsm8k":
      return runGsm8k(run, gsm8kSchema.array().parse(records), gsm8kSchema.array().parse(examples));
    case "mmlu":
      return runMmlu(run, mmluSchema.array().parse(records), mmluSchema.array().parse(examples));
    case "reversal":
      return runReversal(run, coupletSchema.array().parse(records));
  }
}

function readSetup(flags: Flags) {
  const task = z
    .enum(Object.keys(PUBLISHED_SETTINGS) as [PublishedTask, ...PublishedTask[]])
    .safeParse(requireFlag(flags, "task"));
  if (!task.success) throw invalid("task", "is gsm8k, mmlu or reversal");
  const { base, chat }: Record<"base" | "chat", PublishedSettings | null> =
    PUBLISHED_SETTINGS[task.data];
  const isChat = base === null || flags["chat"] !== undefined;
  const published = isChat ? chat : base;
  if (published === null) throw invalid("chat", `does not go with ${task.data}`);
  const shots = readCount(flags, "shots", 0) ?? published.shots;
  if (isChat && shots > 0) throw invalid("shots", "go with a base model: not beside --chat");
  const askedLength = readCount(flags, "length");
  if (askedLength !== undefined && published.length === null) {
    throw invalid("length", `has no meaning for ${task.data}, which writes nothing`);
  }
  const length = askedLength ?? published.length;
  const isAsPublished = shots === published.shots && length === published.length;
  return { task: task.data, settings: { ...published, shots, length }, isChat, isAsPublished };
}

async function readExamples(
  flags: Flags,
  { shots }: PublishedSettings,
  load: (typeof FILES)[PublishedTask],
): Promise<readonly unknown[]> {
  if (shots === 0) return [];
  const file = flags["examples"];
  if (file === undefined) {
    throw new ApiError("missing_parameter", `--examples is required for ${shots} shots.`, {
      param: "examples",
    });
  }
  const examples = await load(file, "examples");
  // MMLU's are chosen by subject, question by question.
  return load === FILES.mmlu ? examples : examples.slice(0, shots);
}

/** JSON lines, or one JSON array. */
async function readRecords<Schema extends z.ZodType>(
  file: string,
  param: string,
  schema: Schema,
): Promise<z.infer<Schema>[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ApiError("invalid_parameter", `--${param} cannot be read.`, { param, cause });
  }
  try {
    if (text.trimStart().startsWith("[")) return schema.array().parse(JSON.parse(text));
    return readLines(text, schema);
  } catch (cause) {
    throw new ApiError("invalid_parameter", `--${param} has other records than the task's.`, {
      param,
      cause,
    });
  }
}

function readCount(flags: Flags, name: string, least = 1): number | undefined {
  const text = flags[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== "") return value;
  throw invalid(name, `is a whole number of at least ${least}`);
}

function invalid(param: string, complaint: string): ApiError {
  return new ApiError("invalid_parameter", `--${param} ${complaint}.`, { param });
}
