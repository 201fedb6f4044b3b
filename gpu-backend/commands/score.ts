import { takeLogits } from "../canvas/candidate-choices.ts";
import { startLikelihood, startLikelihoodOf } from "../likelihood/estimate-likelihood.ts";
import type { Likelihood, LikelihoodEstimate } from "../likelihood/likelihood-estimate.ts";
import { readCheckpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import { describeModel, loadText } from "./checkpoint-text.ts";
import { type Command, requireFlag } from "./command.ts";
import { predictRows } from "./denoise-rows.ts";
import { readRequest } from "./read-request.ts";
import { needsText, readAnswers, readFields, scoreRequestSchema } from "./score-request.ts";

/** LLaDA's defaults. */
const DEFAULT_SAMPLES = 128;
const DEFAULT_BATCH_SIZE = 16;

/** A likelihood by the wire's names. */
interface ScoreResult {
  readonly log_likelihood: number;
  readonly standard_error: number;
  readonly samples: number;
}

/** `unmask score`: LLaDA's `get_log_likelihood()` on a checkpoint. */
export const scoreCommand: Command = {
  usage: "score --checkpoint DIR --request FILE",
  summary: "Estimates the log-likelihood of an answer, or of several and the likeliest of them.",
  examples: ["score --checkpoint gpu-backend/model/default --request answers.json"],
  flags: { checkpoint: "required", request: "required" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), scoreRequestSchema);
    const fields = readFields(request);
    const checkpoint = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const text = await loadText(checkpoint, needsText(request, fields));
    const answers = readAnswers(request, fields, describeModel(checkpoint, text), text);
    const { noisy_ids: noisy, mc_num, batch_size, seed = 0 } = request;
    const batchSize = batch_size ?? Math.min(DEFAULT_BATCH_SIZE, mc_num ?? DEFAULT_BATCH_SIZE);
    const estimates = answers.map((answer) =>
      noisy === undefined
        ? startLikelihood(answer, { sampleCount: mc_num ?? DEFAULT_SAMPLES, batchSize, seed })
        : startLikelihoodOf(answer, noisy),
    );
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      for (const estimate of estimates) await runEstimate(estimate, predictor);
    } finally {
      await predictor.close();
    }
    const results = estimates.map(({ result }) => result);
    return fields.answer === "choices" ? describeChoices(results) : describe(results[0]);
  },
};

async function runEstimate(estimate: LikelihoodEstimate, predictor: MaskPredictor): Promise<void> {
  while (!estimate.isFinished) {
    const answers = await predictRows(estimate.forwardRows(), predictor);
    estimate.take(takeLogits(answers), predictor.logitCount);
  }
}

function describe(likelihood: Likelihood | undefined): ScoreResult | undefined {
  return (
    likelihood && {
      log_likelihood: likelihood.logLikelihood,
      standard_error: likelihood.standardError,
      samples: likelihood.samples,
    }
  );
}

/** All results, and the index of the likeliest; the lowest of equal ones. */
function describeChoices(results: readonly Likelihood[]): {
  choices: (ScoreResult | undefined)[];
  best: number;
} {
  const values = results.map(({ logLikelihood }) => logLikelihood);
  return { choices: results.map(describe), best: values.indexOf(Math.max(...values)) };
}
