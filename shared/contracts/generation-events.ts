/**
 * The native stream of a generation: the canvas as it fills.
 *
 * Server-sent events, `event` the type, `data` one {@link GenerationEvent}, `id` its number in the
 * generation, from 1: `Last-Event-ID` goes on after it. Applied one after another from `started`'s
 * canvas, the steps give the last canvas.
 */
import { z } from "zod";
import { errorBodySchema } from "./error-body.ts";
import { canvasChangeSchema, committedPositionSchema } from "./node-wire.ts";
import { usageSchema } from "./openai-answers.ts";

/** Where a generation stands. */
export const generationStatusSchema = z.enum([
  "queued",
  "running",
  "completed",
  "cancelled",
  "failed",
]);
export type GenerationStatus = z.infer<typeof generationStatusSchema>;

const holeSchema = z.strictObject({ text: z.string(), token_count: z.int() });

/** A generation as it stands: the answer of a look-up, and of a request that is not streamed. */
export const generationSchema = z.strictObject({
  id: z.string(),
  object: z.literal("generation"),
  status: generationStatusSchema,
  /** Epoch seconds. */
  created: z.int(),
  model: z.string(),
  /** Names the weights: equal seeds give equal tokens only under equal fingerprints. */
  system_fingerprint: z.string(),
  tier: z.string(),
  /** Final so far (of a template, what is in its holes); the whole text once completed. */
  text: z.string(),
  /** Of a template, in its order; null until it is completed, or where there is none. */
  holes: z.array(holeSchema).nullable(),
  /** Null until it is completed. */
  finish_reason: z.enum(["stop", "length"]).nullable(),
  /** Steps that committed more than asked for, to keep `deadline_ms`. */
  hastened_steps: z.int(),
  /** Null until it is settled. */
  usage: usageSchema.nullable(),
  /** Why it failed or was cancelled. */
  error: errorBodySchema.shape.error.nullable(),
});
export type Generation = z.infer<typeof generationSchema>;

/** One event of the native stream. */
export const generationEventSchema = z.discriminatedUnion("type", [
  /** It waits; `ahead` requests run or wait before it at its node. */
  z.strictObject({ type: z.literal("queued"), id: z.string(), ahead: z.int() }),
  /** The canvas as it begins: masked but for the prompt and what a template gives. */
  z.strictObject({
    type: z.literal("started"),
    id: z.string(),
    /** Epoch seconds. */
    created: z.int(),
    model: z.string(),
    tier: z.string(),
    prompt_tokens: z.int(),
    /** Positions, the prompt's included. The first `prompt_tokens` less those of `given` are the prompt's. */
    canvas_length: z.int(),
    /** Most denoising steps. */
    steps: z.int(),
    block_length: z.int(),
    /** Positions of a template that hold text from the beginning. */
    given: z.array(z.strictObject({ position: z.int(), text: z.string() })),
  }),
  /** One denoising step. */
  z.strictObject({
    type: z.literal("step"),
    /** From 1 over the whole run. */
    step: z.int(),
    block: z.int(),
    committed: z.array(committedPositionSchema),
    ...canvasChangeSchema.shape,
    masked_count: z.int(),
    forward_passes: z.int(),
    step_units: z.int(),
    /** Micro-dollars of all steps so far. */
    cost: z.int(),
    /** Text that became final: append-only. */
    text_delta: z.string(),
  }),
  /** The end of a whole answer, with its bill. */
  z.strictObject({ type: z.literal("done"), generation: generationSchema }),
  /** The end of any other; its `usage` is what the executed steps cost. */
  z.strictObject({ type: z.literal("error"), generation: generationSchema }),
]);
export type GenerationEvent = z.infer<typeof generationEventSchema>;
