/**
 * What a client may ask for over the public API: the bodies of the two completion endpoints.
 *
 * Owns: fields, their ranges, which of OpenAI's are refused; what neither knows is left out, as OpenAI's
 * clients may be newer than this. Does not own: what an answer looks
 * like (openai-answers.ts), which fields exclude each other (check-fields-together.ts), or what only
 * a node can know: the length of a prompt in tokens.
 */
import { z } from "zod";
import { checkFieldsTogether, hasOpenEnd, toGenerationLength } from "./check-fields-together.ts";
import { MAX_GENERATION_LENGTH, MAX_PROMPT_CHARACTERS } from "./limits.ts";
import { type GenerationParameters, generationParametersSchema } from "./node-wire.ts";
import { neutralChatFields, neutralFields, only, refused, withCode } from "./openai-fields.ts";
import { openAiMessagesSchema, promptSchema } from "./prompt-fields.ts";
import { type RequestedTier, requestedTierSchema, type Tier } from "./tier-names.ts";
import {
  DEFAULT_TIER,
  EXACT_STEPS_TIER,
  fitBlockLength,
  TIERS,
  type TierRule,
  tierSteps,
} from "./tiers.ts";

const parameters = generationParametersSchema.shape;

/** Tokens asked for. */
const maxTokensSchema = z
  .int()
  .min(1)
  .refine(
    (count) => count <= MAX_GENERATION_LENGTH,
    withCode("max_tokens_exceeded", `at most ${MAX_GENERATION_LENGTH} tokens`),
  );

/** How tokens are chosen, on every endpoint that writes some. */
export const samplingFields = {
  /** A model's id, or `default`. */
  model: z.string().min(1).max(200).nullish(),
  /** A named number of steps; excludes `steps`. `auto` is the best that fits `deadline_ms`. */
  tier: requestedTierSchema.nullish(),
  steps: parameters.steps.unwrap().nullish(),
  block_length: parameters.block_length.unwrap().nullish(),
  remasking: parameters.remasking.unwrap().nullish(),
  temperature: parameters.temperature.unwrap().nullish(),
  cfg_scale: parameters.cfg_scale.unwrap().nullish(),
  /** The tier's, as are the next two, when it is not set. */
  confidence_threshold: parameters.confidence_threshold.unwrap().nullish(),
  cache: parameters.cache.unwrap().nullish(),
  revision_steps: parameters.revision_steps.unwrap().nullish(),
  seed: parameters.seed.unwrap().nullish(),
  /** Milliseconds from the request's arrival until its last step should be done. */
  deadline_ms: parameters.deadline_ms.unwrap().nullish(),
  /** Most that it may cost, micro-dollars: refused before anything runs where it could cost more. */
  max_price: z.int().min(0).nullish(),
};

/** Where a text ends, on every endpoint whose text has an open end. */
export const endingFields = {
  max_tokens: maxTokensSchema.nullish(),
  /** The tier's when it is not set. */
  early_exit: parameters.early_exit.unwrap().nullish(),
  logits_eos_inf: z.boolean().nullish(),
  confidence_eos_eot_inf: z.boolean().nullish(),
  stop: z.union([z.string().min(1).max(256), parameters.stop.unwrap()]).nullish(),
};

/** Our fields, and OpenAI's that we act on, of both completion endpoints. */
const generationFields = {
  ...samplingFields,
  ...endingFields,
  stream: z.boolean().nullish(),
  stream_options: z
    .object({
      include_usage: z.boolean().nullish(),
      include_obfuscation: z.boolean().nullish(),
    })
    .nullish(),
  ...neutralFields,
};

/** Body of `POST /v1/chat/completions`. */
export const chatCompletionRequestSchema = z
  .object({
    messages: openAiMessagesSchema,
    max_completion_tokens: maxTokensSchema.nullish(),
    ...generationFields,
    ...neutralChatFields,
  })
  .superRefine(checkFieldsTogether);
export type ChatCompletionRequest = z.infer<typeof chatCompletionRequestSchema>;

/** Body of `POST /v1/completions`. */
export const completionRequestSchema = z
  .object({
    prompt: z
      .union([
        z.string(),
        z
          .array(z.unknown())
          .refine((prompts) => prompts.length > 0, withCode("empty_prompt", "there is no prompt"))
          .refine(
            ([first, ...rest]) => typeof first === "string" && rest.length === 0,
            withCode("unsupported_parameter", "only one prompt, as text, is supported"),
          )
          .transform(([first]) => String(first)),
      ])
      .pipe(promptSchema),
    ...generationFields,
    best_of: only(1),
    /** The text begins with the prompt. */
    echo: z.boolean().nullish(),
    logprobs: refused(
      "the model knows no likelihood of single tokens; /v1/score estimates that of a text",
    ),
    /** What follows the text that is generated. */
    suffix: z
      .string()
      .refine(
        (suffix) => suffix.length <= MAX_PROMPT_CHARACTERS,
        withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
      )
      .nullish(),
  })
  .superRefine(checkFieldsTogether);
export type CompletionRequest = z.infer<typeof completionRequestSchema>;

/** A request of any endpoint that generates. */
type AnyRequest = Omit<
  CompletionRequest,
  "prompt" | "best_of" | "echo" | "logprobs" | "suffix" | keyof typeof neutralFields
> &
  Partial<Pick<ChatCompletionRequest, "max_completion_tokens" | "response_format">> &
  Partial<Pick<CompletionRequest, "suffix">>;

/** The tier that a request is decoded and priced as; `auto` is yet to be chosen. */
export function toTier({ tier, steps }: Pick<AnyRequest, "tier" | "steps">): RequestedTier {
  return tier ?? (steps ? EXACT_STEPS_TIER : DEFAULT_TIER);
}

/**
 * What a node is asked for: the steps and how they decode, the tier's where the request does not say;
 * other fields that are not set are left for the node's defaults.
 *
 * @param tier What {@link toTier} says, or what was chosen for `auto`.
 * @param isOpen False where the positions to fill are a template's.
 */
export function toGenerationParameters(
  request: AnyRequest,
  tier: Tier,
  isOpen = hasOpenEnd(request),
): GenerationParameters {
  const { stop } = request;
  const generationLength = toGenerationLength(request);
  const rule = fitRule(TIERS[tier], request, isOpen);
  const steps =
    request.steps ?? tierSteps(tier, generationLength, request.block_length ?? undefined);
  const set = {
    max_tokens: generationLength,
    steps,
    block_length: request.block_length ?? fitBlockLength(rule, generationLength, steps),
    remasking: request.remasking,
    confidence_threshold: request.confidence_threshold ?? rule.confidenceThreshold,
    cache: request.cache ?? rule.cache,
    early_exit: request.early_exit ?? rule.earlyExit,
    revision_steps: request.revision_steps ?? rule.revisionStepsPerToken * generationLength,
    temperature: request.temperature,
    cfg_scale: request.cfg_scale,
    deadline_ms: request.deadline_ms,
    seed: request.seed,
    logits_eos_inf: request.logits_eos_inf,
    confidence_eos_eot_inf: request.confidence_eos_eot_inf,
    stop: typeof stop === "string" ? [stop] : stop,
  };
  const entries = Object.entries(set).filter(([, value]) => value !== null && value !== undefined);
  return generationParametersSchema.parse(Object.fromEntries(entries));
}

/** A tier's rule without what this request cannot have. */
function fitRule(rule: TierRule, request: AnyRequest, isOpen: boolean): TierRule {
  const { steps, deadline_ms: deadline } = request;
  const isSure = request.remasking !== "random";
  return {
    ...rule,
    confidenceThreshold: isSure ? rule.confidenceThreshold : null,
    revisionStepsPerToken: isSure ? rule.revisionStepsPerToken : 0,
    // Named steps are LLaDA's own; a step that is hastened writes no more than its block.
    blockLength: isOpen && !steps && !deadline ? rule.blockLength : null,
    earlyExit: rule.earlyExit && isOpen,
  };
}
