/**
 * What the edge and a node say to each other.
 *
 * `POST /generations` with `authorization: Bearer <grant>` and a {@link NodeGenerationRequest} is
 * answered by a stream of server-sent events whose `data` is one {@link NodeFrame} each, comments
 * (`: heartbeat`) between, the last one `done` or `error`. A refusal before the stream begins is a
 * JSON error body in the public API's shape. `POST /generations/{id}/cancel` takes a grant for that
 * id; 202, or `not_found` when it no longer runs. `GET /model` answers {@link NodeModel}.
 * A node posts each receipt to the edge too, as a {@link PostedReceipt}, until it is taken.
 */
import { z } from "zod";
import {
  MAX_DEADLINE_MS,
  MAX_GENERATION_LENGTH,
  MAX_PROMPT_CHARACTERS,
  MAX_STATE_CHARACTERS,
  MAX_STEPS,
} from "./limits.ts";
import { tierSchema } from "./tier-names.ts";

/** One turn of a conversation, as the chat template takes it. */
export const chatMessageSchema = z.strictObject({
  role: z.enum(["system", "user", "assistant"]),
  content: z.string().max(MAX_PROMPT_CHARACTERS),
});
export type ChatMessage = z.infer<typeof chatMessageSchema>;

/** Which candidates stay masked: LLaDA's `remasking`. */
export const remaskingSchema = z.enum(["low_confidence", "random"]);

/** Whose keys and values a block's later steps take from its first: Fast-dLLM's caches. */
export const cacheSchema = z.enum(["none", "prefix", "dual"]);
export type Cache = z.infer<typeof cacheSchema>;

/** Sampling parameters; what is left out is chosen by the node from the rest. */
export const generationParametersSchema = z.strictObject({
  /** Positions to fill, tokens. */
  max_tokens: z.int().min(1).max(MAX_GENERATION_LENGTH),
  /** Denoising steps; half of `max_tokens` when left out. */
  steps: z.int().min(1).max(MAX_STEPS).optional(),
  /** Divides `max_tokens`; near 32 when left out. */
  block_length: z.int().min(1).max(MAX_GENERATION_LENGTH).optional(),
  temperature: z.number().min(0).max(2).default(0),
  cfg_scale: z.number().min(0).max(10).default(0),
  remasking: remaskingSchema.default("low_confidence"),
  /** Commits every candidate that is at least so sure in place of a fixed number a step: Fast-dLLM. */
  confidence_threshold: z.number().min(0).max(1).optional(),
  /**
   * Which keys and values a block's later steps take from its first, as Fast-dLLM does: `none` when left
   * out, and then the result is exact; `prefix` those before the block; `dual` those after it too.
   */
  cache: cacheSchema.optional(),
  /** Ends as soon as the text does, and runs no step for what would follow it. */
  early_exit: z.boolean().default(false),
  /**
   * Steps after the blocks in which tokens of low confidence are predicted anew, at most; no text is
   * final before the last. Not with random remasking, which draws its confidences.
   */
  revision_steps: z.int().min(0).max(MAX_STEPS).default(0),
  /**
   * Milliseconds from the request's arrival at the node until its last step should be done. Where the
   * measured step time says that the steps left take longer, each commits more.
   */
  deadline_ms: z.int().min(1).max(MAX_DEADLINE_MS).optional(),
  /** Same request and seed, same tokens. */
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  /** Never predicts end-of-text: LLaDA's `logits_eos_inf`. */
  logits_eos_inf: z.boolean().default(false),
  /** Commits end-of-text last: LLaDA's `confidence_eos_eot_inf`. */
  confidence_eos_eot_inf: z.boolean().default(false),
  /** The text ends before the first of these. */
  stop: z.array(z.string().min(1).max(256)).max(4).default([]),
});
export type GenerationParameters = z.infer<typeof generationParametersSchema>;

/** Text that stays as it is, or a run of masked positions between; both in a template's order. */
const templateSegmentSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text"), text: z.string().max(MAX_PROMPT_CHARACTERS) }),
  z.strictObject({
    type: z.literal("hole"),
    /** Tokens, at most. */
    length: z.int().min(1).max(MAX_GENERATION_LENGTH),
    /** Tokens, at least: the node chooses; as many as `length` when left out. */
    min_length: z.int().min(1).max(MAX_GENERATION_LENGTH).optional(),
  }),
]);

/** A prompt that something follows. */
const promptSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text"), text: z.string().max(MAX_PROMPT_CHARACTERS) }),
  z.strictObject({
    type: z.literal("messages"),
    messages: z.array(chatMessageSchema).min(1).max(1_000),
  }),
]);

/** One generation, as the edge hands it to a node. */
export const nodeGenerationRequestSchema = z.strictObject({
  request_id: z.string().min(1).max(128),
  /** Its share of the node when several wait. */
  tier: tierSchema.default("balanced"),
  /** `canvas` has every step tell what is provisional, masked again or resized, too. */
  detail: z.enum(["text", "canvas"]).default("text"),
  /** A step's `state` of an earlier attempt: goes on from there. Not with `score`. */
  resume_from: z.string().min(1).max(MAX_STATE_CHARACTERS).optional(),
  input: z.discriminatedUnion("type", [
    ...promptSchema.options,
    /**
     * Holes to fill; `max_tokens` is the sum of their lengths, the text is theirs alone. Open lengths
     * are chosen as those of `json` are.
     */
    z.strictObject({
      type: z.literal("template"),
      /** What stands before the template. */
      prompt: promptSchema.optional(),
      /** Where the client wrote it, for what is wrong with it. */
      field: z.enum(["prompt", "template"]),
      segments: z.array(templateSegmentSchema).min(1).max(1_000),
    }),
    /**
     * JSON that is valid under a schema; `max_tokens` bounds its values' tokens together. Before the
     * first step, rows are fed to choose how long each value is: at most as many as there are steps.
     */
    z.strictObject({
      type: z.literal("json"),
      messages: z.array(chatMessageSchema).min(1).max(1_000),
      schema: z.record(z.string(), z.unknown()),
    }),
    /**
     * Answers whose log-likelihood is estimated, nothing being written. `steps` bounds the noisy rows of
     * all of them together; of the other parameters only `cfg_scale` and `seed` mean anything.
     */
    z.strictObject({
      type: z.literal("score"),
      prompt: promptSchema,
      answers: z.array(z.string().min(1).max(MAX_PROMPT_CHARACTERS)).min(1).max(8),
      /** Noisy rows of each answer. */
      samples: z.int().min(1).max(128),
    }),
  ]),
  parameters: generationParametersSchema,
});
export type NodeGenerationRequest = z.infer<typeof nodeGenerationRequestSchema>;
/** What a generation begins from. */
export type NodeInput = NodeGenerationRequest["input"];

/** What a node's signature over an order allows: this request, once, until then. */
export const grantSchema = z.strictObject({
  request_id: z.string().min(1),
  /** Most denoising steps that the node may run for it, those before `resume_from` counted. */
  max_steps: z.int().min(1),
  /** From 1: how often this request was handed to a node. Only the receipt of the last one is paid. */
  attempt: z.int().min(1).default(1),
  /** Epoch milliseconds. */
  expires_at: z.int(),
  /** The edge's own word for who pays; a node only hands it back with the receipt. */
  bill_to: z.string().min(1).max(128).optional(),
});
export type Grant = z.infer<typeof grantSchema>;

/** What was executed, over all attempts that led to it: the bill. Signed by the node. */
export const receiptSchema = z.strictObject({
  request_id: z.string(),
  node_id: z.string(),
  outcome: z.enum(["completed", "cancelled", "failed"]),
  prompt_tokens: z.int(),
  /** Tokens of the text, end-of-text and what follows it not counted. */
  completion_tokens: z.int(),
  /** Denoising steps executed. */
  steps: z.int(),
  /** Canvas rows fed to the network over all steps; guidance feeds two a step. */
  forward_passes: z.int(),
  /** forward_passes × ceil(canvas positions / 256). */
  step_units: z.int(),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** Body of the edge's `POST /internal/receipts`: both tokens as they were signed. */
export const postedReceiptSchema = z.strictObject({
  /** The grant that the generation ran under; it may have expired since. */
  grant: z.string().min(1).max(4_096),
  signed_receipt: z.string().min(1).max(4_096),
});
export type PostedReceipt = z.infer<typeof postedReceiptSchema>;

/** A position that now holds a token. */
export const committedPositionSchema = z.strictObject({
  /** Column of the canvas, the prompt's first token being 0. */
  position: z.int(),
  token_id: z.int(),
  /** Probability in [0, 1] when it was committed. */
  confidence: z.number(),
  text: z.string(),
});

/**
 * What a step did to the canvas beside committing. Positions are those before `resize`; applied in the
 * order committed, remasked, resized.
 */
export const canvasChangeSchema = z.strictObject({
  /** What positions that stay masked would take now, and how sure the network is of it. */
  provisional: z.array(committedPositionSchema),
  /** Positions that revision masked again. */
  remasked: z.array(z.int()),
  /** `truncate` cuts the canvas to `length`; `insert` adds `count` masked positions at `position`. */
  resize: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("truncate"), length: z.int() }),
      z.strictObject({ kind: z.literal("insert"), position: z.int(), count: z.int() }),
    ])
    .nullable(),
  /** Positions of the canvas after it. */
  length: z.int(),
});
export type CanvasChange = z.infer<typeof canvasChangeSchema>;

/** A hole of a template, filled. */
const filledHoleSchema = z.strictObject({ text: z.string(), token_count: z.int() });
export type FilledHole = z.infer<typeof filledHoleSchema>;

/** How likely an answer is. */
const scoreSchema = z.strictObject({
  /** Nats. */
  log_likelihood: z.number(),
  /** Of the estimate, nats. */
  standard_error: z.number(),
  /** Noisy rows that it was made of. */
  samples: z.int(),
  /** Of the answer. */
  tokens: z.int(),
});
export type Score = z.infer<typeof scoreSchema>;

/** One event of a node's stream. */
export const nodeFrameSchema = z.discriminatedUnion("type", [
  /**
   * Accepted; `ahead` requests run or wait before it, its first step is predicted in `wait_ms`
   * milliseconds by the node's measured passes. Absent where nothing is measured.
   */
  z.strictObject({
    type: z.literal("queued"),
    ahead: z.int(),
    wait_ms: z.int().min(0).optional(),
  }),
  /**
   * The canvas as it begins: `prompt_tokens` positions, then `generation_length` masked ones; in a
   * template the given and the masked ones lie among each other.
   */
  z.strictObject({
    type: z.literal("started"),
    prompt_tokens: z.int(),
    generation_length: z.int(),
    steps: z.int(),
    block_length: z.int(),
    /** Positions of a template that hold text from the beginning; under `detail: canvas`. */
    given: z.array(z.strictObject({ position: z.int(), text: z.string() })).optional(),
  }),
  /** One denoising step. A resumed run's first has the number after its state's. */
  z.strictObject({
    type: z.literal("step"),
    /** Counts from 1 over the whole run. */
    step: z.int(),
    /** Counts from 0. */
    block: z.int(),
    committed: z.array(committedPositionSchema),
    masked_count: z.int(),
    forward_passes: z.int(),
    /** Of all steps so far: what a run that breaks off here has cost. */
    step_units: z.int(),
    /** What else the step did to the canvas; under `detail: canvas`. */
    canvas: canvasChangeSchema.optional(),
    /** From which another node continues; absent where a run cannot be resumed. */
    state: z.string().max(MAX_STATE_CHARACTERS).optional(),
    /** Text that became final at this step: everything before it is committed. Append-only. */
    text_delta: z.string(),
  }),
  z.strictObject({
    type: z.literal("done"),
    finish_reason: z.enum(["stop", "length"]),
    /** The whole text; equals the concatenated `text_delta`s. */
    text: z.string(),
    /** Of a template, in its order. */
    holes: z.array(filledHoleSchema).optional(),
    /** Of answers to be scored, in their order. */
    scores: z.array(scoreSchema).optional(),
    /** Steps that committed more than asked for, to keep `deadline_ms`. */
    hastened_steps: z.int().default(0),
    receipt: receiptSchema,
    /** The receipt as a signed token, see signed-token.ts. */
    signed_receipt: z.string(),
  }),
  z.strictObject({
    type: z.literal("error"),
    code: z.string(),
    message: z.string(),
    param: z.string().nullable(),
    /** Present when rows were fed to the network before it failed. */
    signed_receipt: z.string().nullable(),
  }),
]);
export type NodeFrame = z.infer<typeof nodeFrameSchema>;

/** What a node serves. */
export const nodeModelSchema = z.strictObject({
  id: z.string(),
  /** Canvas positions at most, prompt and generation together. */
  max_length: z.int(),
  vocabulary_size: z.int(),
  parameter_count: z.int(),
  /** SHA-256 of the weights, hex. */
  weights_digest: z.string(),
  /** Epoch seconds. */
  created: z.int(),
  /** Time of a denoising step as measured of late, milliseconds; absent before the first. */
  step_ms: z.number().positive().optional(),
});
export type NodeModel = z.infer<typeof nodeModelSchema>;
