/** What the completion endpoints and the list of models answer: OpenAI's shapes, our usage beside. */
import { z } from "zod";
import type { Receipt } from "./node-wire.ts";
import { type Tier, tierSchema } from "./tier-names.ts";

/** What was read, written and executed. */
export const usageSchema = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  /** Denoising steps executed. */
  steps: z.int(),
  /** Canvas rows fed to the network. */
  forward_passes: z.int(),
  /** Forward passes times the canvas's pages of 256 positions. */
  step_units: z.int(),
  /** Micro-dollars charged: executed step units times the price that the hold was made at. */
  cost: z.int(),
  /** Micro-dollars that were held beyond it and went back. */
  refunded: z.int(),
  /** What it was decoded and priced as; of `auto`, what was chosen. */
  tier: tierSchema,
  /** Steps that committed more than asked for, to keep `deadline_ms`. */
  hastened_steps: z.int(),
});
export type Usage = z.infer<typeof usageSchema>;

const finishReasonSchema = z.enum(["stop", "length"]);
export type FinishReason = z.infer<typeof finishReasonSchema>;

/** Fields of every answer and of every chunk. */
const envelope = {
  id: z.string(),
  /** Epoch seconds. */
  created: z.int(),
  model: z.string(),
  /** Names the weights: equal seeds give equal tokens only under equal fingerprints. */
  system_fingerprint: z.string(),
};

/** Answer of `POST /v1/chat/completions`. */
export const chatCompletionSchema = z.strictObject({
  ...envelope,
  object: z.literal("chat.completion"),
  choices: z.tuple([
    z.strictObject({
      index: z.literal(0),
      message: z.strictObject({
        role: z.literal("assistant"),
        content: z.string(),
        refusal: z.null(),
      }),
      logprobs: z.null(),
      finish_reason: finishReasonSchema,
    }),
  ]),
  usage: usageSchema,
});
export type ChatCompletion = z.infer<typeof chatCompletionSchema>;

/** One event of a streamed chat completion. */
export const chatCompletionChunkSchema = z.strictObject({
  ...envelope,
  object: z.literal("chat.completion.chunk"),
  /** Empty in the chunk that carries the usage. */
  choices: z
    .array(
      z.strictObject({
        index: z.literal(0),
        delta: z.strictObject({
          role: z.literal("assistant").optional(),
          content: z.string().optional(),
        }),
        logprobs: z.null(),
        finish_reason: finishReasonSchema.nullable(),
      }),
    )
    .max(1),
  /** Present when the client asked for it; `null` in every chunk but the last. */
  usage: usageSchema.nullable().optional(),
});
export type ChatCompletionChunk = z.infer<typeof chatCompletionChunkSchema>;

const completionChoiceFields = { index: z.literal(0), text: z.string(), logprobs: z.null() };

/** Answer of `POST /v1/completions`. */
export const completionSchema = z.strictObject({
  ...envelope,
  object: z.literal("text_completion"),
  choices: z.tuple([
    z.strictObject({ ...completionChoiceFields, finish_reason: finishReasonSchema }),
  ]),
  usage: usageSchema,
});
export type Completion = z.infer<typeof completionSchema>;

/** One event of a streamed completion. */
export const completionChunkSchema = z.strictObject({
  ...envelope,
  object: z.literal("text_completion"),
  choices: z
    .array(
      z.strictObject({ ...completionChoiceFields, finish_reason: finishReasonSchema.nullable() }),
    )
    .max(1),
  usage: usageSchema.nullable().optional(),
});
export type CompletionChunk = z.infer<typeof completionChunkSchema>;

/** A model that nodes serve. */
export const modelSchema = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  /** Epoch seconds. */
  created: z.int(),
  owned_by: z.string(),
  /** Canvas positions at most, prompt and generation together. */
  context_length: z.int(),
  parameter_count: z.int(),
});
export type Model = z.infer<typeof modelSchema>;

/** Answer of `GET /v1/models`. */
export const modelListSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(modelSchema),
});
export type ModelList = z.infer<typeof modelListSchema>;

/** What a request came to, micro-dollars. */
export type Bill = Pick<Usage, "cost" | "refunded">;

/** How a request was run, beside what its receipt says. */
export interface RunFacts {
  readonly tier: Tier;
  readonly hastenedSteps: number;
}

/** The bill's lines as the client reads them. */
export function toUsage(
  receipt: Receipt,
  { tier, hastenedSteps }: RunFacts,
  { cost, refunded }: Bill,
): Usage {
  const { prompt_tokens, completion_tokens, steps, forward_passes, step_units } = receipt;
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    steps,
    forward_passes,
    step_units,
    cost,
    refunded,
    tier,
    hastened_steps: hastenedSteps,
  };
}
