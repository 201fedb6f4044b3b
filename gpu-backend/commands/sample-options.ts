/**
 * What `unmask sample` takes beyond the published samplers: early exit, adaptive length, revision.
 *
 * Owns: their fields, DAEDAL's parameters by its own names, and what goes with what.
 * Does not own: their ranges and defaults (sampler/).
 */

import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { ADAPTIVE_THRESHOLD } from "../sampler/adaptive-length.ts";
import type { SamplingRequest, SamplingSettings } from "../sampler/sampling-settings.ts";

/** The fields; absent ones take the sampler's defaults. */
export const sampleOptionFields = {
  /** Ends the run with its text. */
  early_exit: z.boolean().optional(),
  /** DAEDAL, in place of `algorithm`, `steps`, `block_length` and the thresholds. */
  adaptive_length: z
    .strictObject({
      max_gen_length: z.number().optional(),
      block_length: z.number().optional(),
      high_conf_threshold: z.number().optional(),
      low_conf_threshold: z.number().optional(),
      expansion_factor: z.number().optional(),
      eos_check_tokens: z.number().optional(),
      eos_confidence_threshold: z.number().optional(),
      expand_eos_confidence_threshold: z.number().optional(),
    })
    .nullish(),
  /** Steps after the schedule that come back to what is in doubt, at most. */
  revision_steps: z.number().optional(),
  /** Committed with less confidence is in doubt. */
  revision_threshold: z.number().optional(),
};

const optionsSchema = z.object(sampleOptionFields);
export type SampleOptions = z.output<typeof optionsSchema>;

/** The sampler's names of fields that DAEDAL has inside `adaptive_length`. */
export const ADAPTIVE_FIELD_NAMES: Readonly<Record<string, string>> = {
  steps: "max_steps",
  block_length: "adaptive_length.block_length",
  confidence_threshold: "adaptive_length.high_conf_threshold",
};

/** What the options ask of the sampler, in place of what the published samplers ask. */
export function readOptions(options: SampleOptions): Partial<SamplingRequest> {
  return {
    earlyExit: options.early_exit,
    revisionSteps: options.revision_steps,
    revisionThreshold: options.revision_threshold,
    ...readAdaptiveLength(options.adaptive_length),
  };
}

function readAdaptiveLength(adaptive: SampleOptions["adaptive_length"]): Partial<SamplingRequest> {
  if (!adaptive) return {};
  return {
    blockLength: adaptive.block_length,
    decoding: { kind: "threshold", threshold: adaptive.high_conf_threshold ?? ADAPTIVE_THRESHOLD },
    adaptiveLength: {
      maxLength: adaptive.max_gen_length,
      lowConfidence: adaptive.low_conf_threshold,
      expansion: adaptive.expansion_factor,
      endWindow: adaptive.eos_check_tokens,
      initialEndConfidence: adaptive.eos_confidence_threshold,
      endConfidence: adaptive.expand_eos_confidence_threshold,
    },
  };
}

/** Tells whether every row of a request runs the steps of `generate()`, all at once and to the end. */
export function runsInLockstep(settings: SamplingSettings): boolean {
  const { decoding, earlyExit, revisionSteps } = settings;
  return decoding.kind === "schedule" && !earlyExit && revisionSteps === 0;
}

/** Tells whether a run may end before its steps, or with another canvas than it began with. */
export function endsByItself(settings: SamplingSettings): boolean {
  const { earlyExit, adaptiveLength, revisionSteps } = settings;
  return earlyExit || adaptiveLength !== null || revisionSteps > 0;
}

/**
 * Refuses what DAEDAL decides by itself.
 *
 * @throws {ApiError} `invalid_parameter`.
 */
export function checkBesideAdaptiveLength(
  options: SampleOptions,
  others: Readonly<Record<string, unknown>>,
): void {
  if (!options.adaptive_length) return;
  const [field] = Object.keys(others).filter((name) => (others[name] ?? null) !== null);
  if (field === undefined) return;
  const param = `params.${field}`;
  throw new ApiError(
    "invalid_parameter",
    `The field ${param} cannot be given beside adaptive_length.`,
    { param },
  );
}
