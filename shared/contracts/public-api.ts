/**
 * What a client may ask for over the public API: the bodies of the two completion endpoints.
 *
 * Owns: fields, their ranges, which of OpenAI's are refused. Does not own: what an answer looks
 * like (openai-answers.ts), which fields exclude each other (check-fields-together.ts), or what only
 * a node can know: the length of a prompt in tokens.
 */
import { z } from "zod";
import { checkFieldsTogether, hasOpenEnd, toGenerationLength } from "./check-fields-together.ts";
import { MAX_GENERATION_LENGTH, MAX_PROMPT_CHARACTERS } from "./limits.ts";
import {
  type ChatMessage,
  type GenerationParameters,
  generationParametersSchema,
} from "./node-wire.ts";
import { neutralChatFields, neutralFields, only, refused, withCode } from "./openai-fields.ts";
import { type Tier, tierSchema } from "./tier-names.ts";
import { DEFAULT_TIER, EXACT_STEPS_TIER, TIERS, type TierRule, tierSteps } from "./tiers.ts";

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
  /** A named number of steps; excludes `steps`. */
  tier: tierSchema.nullish(),
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
};

/** Our fields, and OpenAI's that we act on, of both completion endpoints. */
const generationFields = {
  ...samplingFields,
  max_tokens: maxTokensSchema.nullish(),
  /** The tier's when it is not set. */
  early_exit: parameters.early_exit.unwrap().nullish(),
  logits_eos_inf: z.boolean().nullish(),
  confidence_eos_eot_inf: z.boolean().nullish(),
  stop: z.union([z.string().min(1).max(256), parameters.stop.unwrap()]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      include_obfuscation: z.boolean().nullish(),
    })
    .nullish(),
  ...neutralFields,
};

/** A part of a message's content; only text is understood. */
const contentPartSchema = z.strictObject({
  type: z
    .string()
    .refine((type) => type === "text", withCode("unsupported_parameter", "only text is supported")),
  text: z.string(),
});

const ROLES = ["system", "developer", "user", "assistant"] as const;

const messageSchema = z
  .strictObject({
    role: z
      .string()
      .refine(
        (role) => role !== "tool" && role !== "function",
        withCode("unsupported_parameter", "tools are not supported"),
      )
      .pipe(z.enum(ROLES)),
    content: z.union([z.string(), z.array(contentPartSchema)]),
    name: refused(),
    // What an earlier answer carries when a client sends it back.
    refusal: refused(),
    annotations: refused(),
    audio: refused(),
    tool_calls: refused(),
    function_call: refused(),
  })
  .transform(toChatMessage);

/** Body of `POST /v1/chat/completions`. */
export const chatCompletionRequestSchema = z
  .strictObject({
    messages: z
      .array(messageSchema)
      .max(1_000)
      .refine((messages) => messages.length > 0, withCode("empty_prompt", "there is no message"))
      .refine(
        (messages) => messages.every(isSaid),
        withCode("empty_prompt", "a message has no content"),
      )
      .refine(
        (messages) => countCharacters(messages) <= MAX_PROMPT_CHARACTERS,
        withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
      ),
    max_completion_tokens: maxTokensSchema.nullish(),
    ...generationFields,
    ...neutralChatFields,
  })
  .superRefine(checkFieldsTogether);
export type ChatCompletionRequest = z.infer<typeof chatCompletionRequestSchema>;

/** Body of `POST /v1/completions`. */
export const completionRequestSchema = z
  .strictObject({
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
      .refine((prompt) => prompt.trim() !== "", withCode("empty_prompt", "the prompt is empty"))
      .refine(
        (prompt) => prompt.length <= MAX_PROMPT_CHARACTERS,
        withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
      ),
    ...generationFields,
    best_of: only(1),
    echo: only(false),
    logprobs: refused(),
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

/** The tier that a request is decoded and priced as. */
export function toTier({ tier, steps }: Pick<AnyRequest, "tier" | "steps">): Tier {
  return tier ?? (steps ? EXACT_STEPS_TIER : DEFAULT_TIER);
}

/**
 * What a node is asked for: the steps and how they decode, the tier's where the request does not say;
 * other fields that are not set are left for the node's defaults.
 */
export function toGenerationParameters(request: AnyRequest): GenerationParameters {
  const { stop } = request;
  const tier = toTier(request);
  const generationLength = toGenerationLength(request);
  const rule = fitRule(TIERS[tier], request);
  const set = {
    max_tokens: generationLength,
    steps: request.steps ?? tierSteps(tier, generationLength, request.block_length ?? undefined),
    block_length: request.block_length,
    remasking: request.remasking,
    confidence_threshold: request.confidence_threshold ?? rule.confidenceThreshold,
    cache: request.cache ?? rule.cache,
    early_exit: request.early_exit ?? rule.earlyExit,
    revision_steps: request.revision_steps ?? rule.revisionStepsPerToken * generationLength,
    temperature: request.temperature,
    cfg_scale: request.cfg_scale,
    seed: request.seed,
    logits_eos_inf: request.logits_eos_inf,
    confidence_eos_eot_inf: request.confidence_eos_eot_inf,
    stop: typeof stop === "string" ? [stop] : stop,
  };
  const entries = Object.entries(set).filter(([, value]) => value !== null && value !== undefined);
  return generationParametersSchema.parse(Object.fromEntries(entries));
}

/** A tier's rule without what this request cannot have. */
function fitRule(rule: TierRule, request: AnyRequest): TierRule {
  const isSure = request.remasking !== "random";
  return {
    ...rule,
    confidenceThreshold: isSure ? rule.confidenceThreshold : null,
    revisionStepsPerToken: isSure ? rule.revisionStepsPerToken : 0,
    earlyExit: rule.earlyExit && hasOpenEnd(request),
  };
}

function toChatMessage(message: {
  role: (typeof ROLES)[number];
  content: string | { text: string }[];
}): ChatMessage {
  const { role, content } = message;
  return {
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  };
}

/** An assistant may have said nothing; whoever asks must ask something. */
function isSaid({ role, content }: ChatMessage): boolean {
  return role === "assistant" || content.trim() !== "";
}

function countCharacters(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}
