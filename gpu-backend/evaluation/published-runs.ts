/**
 * LLaDA's published measurements on any checkpoint: GSM8K, MMLU, and couplets asked in both directions.
 *
 * Owns: running them. Does not own: prompts, scores and settings (published-tasks.ts), the flags
 * (commands/evaluate.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { generationParametersSchema } from "#shared/contracts/node-wire.ts";
import { takeLogits } from "../canvas/candidate-choices.ts";
import { predictRows } from "../commands/denoise-rows.ts";
import { startLikelihood } from "../likelihood/estimate-likelihood.ts";
import type { Couplet } from "./corpus.ts";
import { type EvaluatedModel, encodeChat } from "./evaluation-model.ts";
import { mean } from "./mean.ts";
import type { Figure } from "./part.ts";
import {
  type Gsm8kRecord,
  gsm8kPrompt,
  MMLU_ANSWERS,
  type MmluRecord,
  mmluPrompt,
  type PublishedSettings,
  scoreGsm8k,
} from "./published-tasks.ts";
import { type EvaluationRequest, runRequests } from "./run-requests.ts";
import { askedCouplets } from "./tasks.ts";

/** How a task is run. */
export interface PublishedRun {
  readonly model: EvaluatedModel;
  readonly settings: PublishedSettings;
  /** Questions go through the chat template. */
  readonly isChat: boolean;
  /** Told how many records are done. */
  readonly onDone: (count: number) => void;
}

/** Noisy rows of an answer of several tokens; of one token, one row says all. */
const SAMPLES = 128;
const BATCH_SIZE = 16;
const DIRECTIONS = ["next", "previous"] as const;

/** Results by name. */
type Figures = Readonly<Record<string, Figure>>;

/**
 * GSM8K by generation.
 *
 * @param examples Answered before each question, all of them.
 * @throws {ApiError} `context_length_exceeded` where the longest prompt and the answer do not fit.
 */
export async function runGsm8k(
  run: PublishedRun,
  records: readonly Gsm8kRecord[],
  examples: readonly Gsm8kRecord[],
): Promise<Figures> {
  const prompts = records.map(({ question }) =>
    run.isChat
      ? encodeChat(run.model, question)
      : run.model.tokenizer.encodeUserText(gsm8kPrompt(examples, question)),
  );
  const outcomes = await runRequests(run.model, toRequests(run, prompts), run.onDone);
  const scores = records.map(({ answer }, i) => scoreGsm8k(outcomes[i]?.text ?? "", answer));
  return {
    gsm8k_strict: fraction(scores.map(({ strict }) => Number(strict))),
    gsm8k_flexible: fraction(scores.map(({ flexible }) => Number(flexible))),
  };
}

/**
 * Couplets as questions in chat form; the line must come out and nothing else.
 *
 * @throws {ApiError} `context_length_exceeded`.
 */
export async function runReversal(
  run: PublishedRun,
  couplets: readonly Couplet[],
): Promise<Figures> {
  const length = run.settings.length ?? 0;
  const figures: Record<string, Figure> = {};
  for (const [turn, direction] of DIRECTIONS.entries()) {
    const items = askedCouplets(couplets, direction, length);
    const prompts = items.map(({ input }) =>
      input.kind === "chat" ? encodeChat(run.model, input.content) : [],
    );
    const outcomes = await runRequests(run.model, toRequests(run, prompts), (count) =>
      run.onDone(turn * couplets.length + count),
    );
    const scores = items.map((item, i) =>
      item.score({ text: outcomes[i]?.text ?? "", holes: [], tokenIds: [] }),
    );
    figures[`reversal_${direction}`] = fraction(scores);
  }
  return figures;
}

/**
 * MMLU by the likelihood of the four letters; equal ones: the first.
 *
 * @param examples Of all subjects; of each question's own, the first ones are shown.
 * @throws {ApiError} `context_length_exceeded`.
 */
export async function runMmlu(
  run: PublishedRun,
  records: readonly MmluRecord[],
  examples: readonly MmluRecord[],
): Promise<Figures> {
  const bySubject = Map.groupBy(examples, ({ subject }) => subject);
  const answers = MMLU_ANSWERS.map((answer) => run.model.tokenizer.encodeUserText(answer));
  const scores: number[] = [];
  for (const record of records) {
    const shown = (bySubject.get(record.subject) ?? []).slice(0, run.settings.shots);
    const prompt = run.model.tokenizer.encodeUserText(mmluPrompt(shown, record));
    checkLength(run, prompt.length, Math.max(...answers.map(({ length }) => length)));
    const likelihoods: number[] = [];
    for (const answer of answers) likelihoods.push(await likelihoodOf(run.model, prompt, answer));
    scores.push(Number(likelihoods.indexOf(Math.max(...likelihoods)) === record.answer));
    run.onDone(scores.length);
  }
  return { mmlu_accuracy: fraction(scores) };
}

async function likelihoodOf(
  { predictor, served }: EvaluatedModel,
  promptTokenIds: readonly number[],
  answerTokenIds: readonly number[],
): Promise<number> {
  const { maskTokenId } = served.specialTokens;
  const estimate = startLikelihood(
    { promptTokenIds, answerTokenIds, maskTokenId, guidanceScale: 0 },
    { sampleCount: SAMPLES, batchSize: BATCH_SIZE, seed: 0 },
  );
  while (!estimate.isFinished) {
    const logits = takeLogits(await predictRows(estimate.forwardRows(), predictor));
    estimate.take(logits, predictor.logitCount);
  }
  return estimate.result.logLikelihood;
}

function toRequests(
  run: PublishedRun,
  prompts: readonly (readonly number[])[],
): EvaluationRequest[] {
  const length = run.settings.length ?? 0;
  for (const { length: promptLength } of prompts) checkLength(run, promptLength, length);
  const parameters = generationParametersSchema.parse({
    max_tokens: length,
    steps: length,
    block_length: length,
    confidence_eos_eot_inf: run.settings.defersEnd,
  });
  return prompts.map((tokenIds) => ({ input: { kind: "ids", tokenIds }, parameters }));
}

function checkLength({ model }: PublishedRun, promptLength: number, length: number): void {
  const { maxLength } = model.served;
  if (promptLength + length <= maxLength) return;
  throw new ApiError(
    "context_length_exceeded",
    `The model holds ${maxLength} tokens; a prompt of ${promptLength} and ${length} to fill do not fit. Fewer --shots or a smaller --length do.`,
    { param: "length" },
  );
}

function fraction(scores: readonly number[]): Figure {
  return { value: mean(scores), unit: "fraction" };
}
