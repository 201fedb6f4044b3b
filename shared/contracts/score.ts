/** `POST /v1/score`: how likely each of some answers is after a prompt. */
import { z } from "zod";
import { contextFields } from "./generations.ts";
import { MAX_PROMPT_CHARACTERS } from "./limits.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
  type NodeInput,
} from "./node-wire.ts";
import { usageSchema } from "./openai-answers.ts";
import { withCode } from "./openai-fields.ts";
import { samplingFields } from "./public-api.ts";

const DEFAULT_SAMPLES = 32;

/** Body of `POST /v1/score`. */
export const scoreRequestSchema = z
  .strictObject({
    model: samplingFields.model,
    ...contextFields,
    answers: z.array(z.string().min(1)).min(1).max(8),
    /** Noisy rows of each answer; the error falls with their root. */
    samples: z.int().min(1).max(128).nullish(),
    cfg_scale: samplingFields.cfg_scale,
    seed: samplingFields.seed,
    max_price: samplingFields.max_price,
  })
  .refine(({ prompt, messages }) => Boolean(prompt) !== Boolean(messages), {
    path: ["prompt"],
    message: "give a prompt or messages, one of the two",
  })
  .refine(
    ({ prompt, answers }) =>
      (prompt ?? "").length + answers.join("").length <= MAX_PROMPT_CHARACTERS,
    {
      path: ["answers"],
      ...withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
    },
  );
export type ScoreRequest = z.infer<typeof scoreRequestSchema>;

/** Answer of `POST /v1/score`. */
export const scoreAnswerSchema = z.strictObject({
  id: z.string(),
  object: z.literal("score"),
  /** Epoch seconds. */
  created: z.int(),
  model: z.string(),
  /** In the request's order. */
  answers: z.array(
    z.strictObject({
      /** Nats; a lower bound in expectation, of a single token the likelihood itself. */
      log_likelihood: z.number(),
      standard_error: z.number(),
      samples: z.int(),
      tokens: z.int(),
    }),
  ),
  /** Index of the likeliest; of equal ones the first. */
  best: z.int(),
  usage: usageSchema,
});
export type ScoreAnswer = z.infer<typeof scoreAnswerSchema>;

/** What a node is to score. */
export function toScoreInput({ prompt, messages, answers, samples }: ScoreRequest): NodeInput {
  return {
    type: "score",
    prompt: messages ? { type: "messages", messages } : { type: "text", text: prompt ?? "" },
    answers,
    samples: samples ?? DEFAULT_SAMPLES,
  };
}

/** A step for each noisy row. */
export function toScoreParameters(request: ScoreRequest): GenerationParameters {
  const { answers, samples, cfg_scale, seed } = request;
  return generationParametersSchema.parse({
    max_tokens: 1,
    steps: answers.length * (samples ?? DEFAULT_SAMPLES),
    cfg_scale: cfg_scale ?? undefined,
    seed: seed ?? undefined,
  });
}
