/**
 * What generations send and receive, as types of the SDK's own, so that an app that installs it installs nothing else.
 *
 * Owns: the shapes, field by field as the HTTP API names them; a test holds them against the schemas of
 * shared/contracts, which check requests. Amounts are whole micro-dollars.
 */
import type { ErrorCode } from "../contracts/errors.ts";

/** A named number of denoising steps, from the fewest to the most. */
export type Tier = "draft" | "fast" | "balanced" | "quality" | "max";

/** One turn of a conversation. */
export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Text in a hole that stays as it is, after `at` of the hole's tokens. */
export interface PinnedText {
  at: number;
  text: string;
}

/** Text that stays as it is, or a hole: of a length in tokens, or of the likeliest in a range. */
export type TemplatePart =
  | string
  | { length: number; pinned?: PinnedText[] | null | undefined }
  | { min_length: number; max_length: number };

/** What an answer's text shall be; JSON that is valid under a schema goes with `messages` alone. */
export type ResponseFormat =
  | { type: "text" }
  | {
      type: "json_schema";
      json_schema: {
        name?: string | null | undefined;
        description?: string | null | undefined;
        strict?: boolean | null | undefined;
        schema: Record<string, unknown>;
      };
    };

/** How tokens are chosen, and for how long and for how much; what is left out is the API's default. */
export interface SamplingFields {
  /** A model's id; whichever is served when left out. */
  model?: string | null | undefined;
  /** `auto` is the best that `deadline_ms` leaves time for. */
  tier?: Tier | "auto" | null | undefined;
  /** Exactly so many denoising steps, in place of a tier. */
  steps?: number | null | undefined;
  block_length?: number | null | undefined;
  remasking?: "low_confidence" | "random" | null | undefined;
  /** 0 to 2. */
  temperature?: number | null | undefined;
  cfg_scale?: number | null | undefined;
  /** 0 to 1. */
  confidence_threshold?: number | null | undefined;
  cache?: "none" | "prefix" | "dual" | null | undefined;
  revision_steps?: number | null | undefined;
  seed?: number | null | undefined;
  /** The answer is there after so many milliseconds; steps commit more where they must. */
  deadline_ms?: number | null | undefined;
  /** Refused before anything runs if it could cost more. */
  max_price?: number | null | undefined;
}

/** What was read, written and executed, and what it came to. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  steps: number;
  forward_passes: number;
  step_units: number;
  cost: number;
  refunded: number;
  /** Of `auto`, what was chosen. */
  tier: Tier;
  /** Steps that committed more than asked for, to keep `deadline_ms`. */
  hastened_steps: number;
}

/** A hole, filled. */
export interface FilledHole {
  text: string;
  token_count: number;
}

/** A position that now holds a token, or would take it. */
export interface CommittedPosition {
  /** Column of the canvas, the prompt's first token being 0. */
  position: number;
  token_id: number;
  /** In [0, 1]. */
  confidence: number;
  text: string;
}

/** How a canvas changes its length. */
export type CanvasResize =
  | { kind: "truncate"; length: number }
  | { kind: "insert"; position: number; count: number };

/** Why a request was refused, or a generation ended without an answer. */
export interface ApiErrorBody {
  message: string;
  type: string;
  code: ErrorCode;
  /** The offending field, dotted: `messages.0.role`. */
  param: string | null;
  metadata?: Record<string, string | number> | undefined;
}

/** A generation as it stands. */
export interface Generation {
  id: string;
  object: "generation";
  status: "queued" | "running" | "completed" | "cancelled" | "failed";
  /** Epoch seconds. */
  created: number;
  model: string;
  system_fingerprint: string;
  tier: string;
  /** Final so far (of a template, what is in its holes); the whole text once completed. */
  text: string;
  holes: FilledHole[] | null;
  finish_reason: "stop" | "length" | null;
  hastened_steps: number;
  usage: Usage | null;
  error: ApiErrorBody | null;
}

/** One event of a generation's stream. */
export type GenerationEvent =
  | { type: "queued"; id: string; ahead: number }
  | StartedEvent
  | StepEvent
  | { type: "done"; generation: Generation }
  | { type: "error"; generation: Generation };

/** The canvas as it begins. */
export interface StartedEvent {
  type: "started";
  id: string;
  created: number;
  model: string;
  tier: string;
  prompt_tokens: number;
  canvas_length: number;
  /** Most denoising steps. */
  steps: number;
  block_length: number;
  given: { position: number; text: string }[];
}

/** One denoising step: applied in the order committed, remasked, resized. */
export interface StepEvent {
  type: "step";
  /** From 1. */
  step: number;
  block: number;
  committed: CommittedPosition[];
  provisional: CommittedPosition[];
  remasked: number[];
  resize: CanvasResize | null;
  length: number;
  masked_count: number;
  forward_passes: number;
  step_units: number;
  /** Of all steps so far. */
  cost: number;
  text_delta: string;
}

/** Body of `generate` and `stream`: exactly one of `prompt`, `messages` and `template`. */
export interface GenerationRequest extends SamplingFields {
  prompt?: string | null | undefined;
  messages?: Message[] | null | undefined;
  template?: TemplatePart[] | null | undefined;
  max_tokens?: number | null | undefined;
  early_exit?: boolean | null | undefined;
  logits_eos_inf?: boolean | null | undefined;
  confidence_eos_eot_inf?: boolean | null | undefined;
  stop?: string | string[] | null | undefined;
  response_format?: ResponseFormat | null | undefined;
}

/** Body of `infill`. */
export interface InfillRequest extends SamplingFields {
  /** Stands before the template; or else `messages`, which it answers. */
  prompt?: string | null | undefined;
  messages?: Message[] | null | undefined;
  template: TemplatePart[];
  logits_eos_inf?: boolean | null | undefined;
  confidence_eos_eot_inf?: boolean | null | undefined;
  /** Only `false`: a template is filled to its end. */
  early_exit?: boolean | null | undefined;
}

/** A template with its holes filled. */
export interface InfillAnswer {
  id: string;
  object: "infill";
  created: number;
  model: string;
  text: string;
  holes: FilledHole[];
  usage: Usage;
}

/** Body of `score`: one of `prompt` and `messages`. */
export interface ScoreRequest {
  model?: string | null | undefined;
  prompt?: string | null | undefined;
  messages?: Message[] | null | undefined;
  /** At most 8. */
  answers: string[];
  /** Noisy rows of each answer, 1 to 128. */
  samples?: number | null | undefined;
  cfg_scale?: number | null | undefined;
  seed?: number | null | undefined;
  max_price?: number | null | undefined;
}

/** How likely each answer is. */
export interface ScoreAnswer {
  id: string;
  object: "score";
  created: number;
  model: string;
  /** In the request's order. */
  answers: {
    /** Nats; a lower bound in expectation. */
    log_likelihood: number;
    standard_error: number;
    samples: number;
    tokens: number;
  }[];
  /** Index of the likeliest. */
  best: number;
  usage: Usage;
}

/** The most that a request would cost. */
export interface Quote {
  object: "quote";
  model: string;
  /** The tier that the request names, or each there is. */
  data: {
    tier: Tier;
    max_steps: number;
    max_step_units: number;
    unit_price: number;
    max_cost: number;
  }[];
}

/** A model that is served. */
export interface Model {
  id: string;
  object: "model";
  created: number;
  owned_by: string;
  context_length: number;
  parameter_count: number;
}

/** A tier, at the account's price. */
export interface PricedTier {
  id: Tier;
  object: "tier";
  tokens_per_step: number;
  confidence_threshold: number | null;
  cache: "none" | "prefix" | "dual";
  block_length: number | null;
  early_exit: boolean;
  revision_steps_per_token: number;
  unit_price: number;
  is_default: boolean;
}
