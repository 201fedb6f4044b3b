/**
 * How likely held-out text is: LLaDA's Monte Carlo bound against the twin's exact likelihood, and how the
 * bound's standard error falls with samples.
 */

import { takeLogits } from "../canvas/candidate-choices.ts";
import { predictRows } from "../commands/denoise-rows.ts";
import { startLikelihood } from "../likelihood/estimate-likelihood.ts";
import type { Likelihood } from "../likelihood/likelihood-estimate.ts";
import { type EvaluatedModel, encodeChat } from "./evaluation-model.ts";
import { mean } from "./mean.ts";
import type { EvaluationPart, PartContext } from "./part.ts";
import { logLikelihoods, type ScoredText } from "./twin.ts";

/** Columns of a window of a story; the first token is given, since nothing foretells it. */
const WINDOW_LENGTH = 97;
const COUNTS = { texts: 24, samples: 64, tracedTexts: 4, tracedSamples: 256 } as const;
const QUICK_COUNTS = { texts: 4, samples: 16, tracedTexts: 1, tracedSamples: 64 } as const;
/** Noisy rows whose mask counts are spread over the answer together; the smallest that shows an error. */
const BATCH_SIZE = 8;
const SEED = 1;

/** `likelihood`. */
export const likelihoodPart: EvaluationPart = {
  name: "likelihood",
  weight: 2,
  async run(context) {
    const { corpus, model, report, isQuick, twin } = context;
    if (corpus === null) return report.skip("likelihood_*", "needs --data CORPUS");
    if (twin === null) report.skip("likelihood_*_twin", "needs --twin DIR");
    const counts = isQuick ? QUICK_COUNTS : COUNTS;
    const groups = {
      stories: cutStories(model, corpus.stories).slice(0, counts.texts),
      problems: corpus.problems.slice(0, counts.texts).map(({ question, answer }) => ({
        promptTokenIds: encodeChat(model, question),
        answerTokenIds: model.tokenizer.encodeUserText(withoutAnnotations(answer)),
      })),
    };
    report.plan(3);
    for (const [name, texts] of Object.entries(groups)) {
      await compareWithTwin(context, name, texts, counts.samples);
    }
    await traceError(context, groups.stories.slice(0, counts.tracedTexts), counts.tracedSamples);
  },
};

/** GSM8K's calculator annotations are not trained: `12*9 = <<12*9=108>>108` → `12*9 = 108`. */
function withoutAnnotations(answer: string): string {
  return answer.replace(/<<[^>]*>>/g, "");
}

function cutStories({ tokenizer }: EvaluatedModel, stories: readonly string[]): ScoredText[] {
  return stories
    .map((story) => tokenizer.encodeUserText(story).slice(0, WINDOW_LENGTH))
    .filter((ids) => ids.length === WINDOW_LENGTH)
    .map((ids) => ({ promptTokenIds: ids.slice(0, 1), answerTokenIds: ids.slice(1) }));
}

async function compareWithTwin(
  { model, twin, report }: PartContext,
  name: string,
  texts: readonly ScoredText[],
  samples: number,
): Promise<void> {
  const tokens = texts.reduce((sum, { answerTokenIds }) => sum + answerTokenIds.length, 0);
  const estimates: Likelihood[] = [];
  for (const [index, text] of texts.entries()) {
    report.progress(index, texts.length, name);
    estimates.push(await estimate(model, text, samples));
  }
  const bound = -estimates.reduce((sum, { logLikelihood }) => sum + logLikelihood, 0) / tokens;
  const squares = estimates.reduce((sum, { standardError }) => sum + standardError ** 2, 0);
  report.add(`likelihood_${name}_bound`, bound, "nats per token, at most");
  report.add(`likelihood_${name}_bound_error`, Math.sqrt(squares) / tokens, "nats per token");
  if (twin === null) return;
  const exact = await logLikelihoods(twin.predictor, texts);
  const nats = -exact.reduce((sum, value) => sum + value, 0) / tokens;
  report.add(`likelihood_${name}_twin`, nats, "nats per token");
}

async function estimate(
  model: EvaluatedModel,
  text: ScoredText,
  sampleCount: number,
  onBatch: (soFar: Likelihood) => void = () => undefined,
): Promise<Likelihood> {
  const { maskTokenId } = model.served.specialTokens;
  const answer = { ...text, maskTokenId, guidanceScale: 0 };
  const running = startLikelihood(answer, { sampleCount, batchSize: BATCH_SIZE, seed: SEED });
  while (!running.isFinished) {
    const answers = await predictRows(running.forwardRows(), model.predictor);
    running.take(takeLogits(answers), model.predictor.logitCount);
    onBatch(running.result);
  }
  return running.result;
}

/** The standard error of one text's bound after 16, 32, … samples, mean over the texts. */
async function traceError(
  { model, report }: PartContext,
  texts: readonly ScoredText[],
  samples: number,
): Promise<void> {
  const errors = new Map<number, number[]>();
  for (const [index, text] of texts.entries()) {
    report.progress(index, texts.length, "standard error");
    await estimate(model, text, samples, ({ samples: taken, standardError }) => {
      const isPowerOfTwo = Number.isInteger(Math.log2(taken));
      if (!isPowerOfTwo || taken < 2 * BATCH_SIZE) return;
      errors.set(taken, [...(errors.get(taken) ?? []), standardError / text.answerTokenIds.length]);
    });
  }
  for (const [taken, values] of errors) {
    report.add(`likelihood_error_${taken}_samples`, mean(values), "nats per token");
  }
}
