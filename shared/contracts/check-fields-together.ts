/**
 * What fields of one completion request must not be together, whatever each is by itself.
 *
 * Owns: each combination that no node would run, and the field to blame. Does not own: a field's own
 * range (public-api.ts).
 */
import type { z } from "zod";
import type { ErrorCode } from "./errors.ts";
import { DEFAULT_GENERATION_LENGTH } from "./limits.ts";
import { withCode } from "./openai-fields.ts";

/** The fields that are looked at. */
interface Fields {
  readonly max_tokens?: number | null | undefined;
  readonly max_completion_tokens?: number | null | undefined;
  readonly tier?: string | null | undefined;
  readonly deadline_ms?: number | null | undefined;
  readonly steps?: number | null | undefined;
  readonly block_length?: number | null | undefined;
  readonly remasking?: string | null | undefined;
  readonly early_exit?: boolean | null | undefined;
  readonly revision_steps?: number | null | undefined;
  readonly stop?: string | readonly string[] | null | undefined;
  readonly suffix?: string | null | undefined;
  readonly template?: readonly unknown[] | null | undefined;
  readonly response_format?: { readonly type: string } | null | undefined;
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: object | null | undefined;
}

interface Rule {
  readonly param: keyof Fields;
  readonly refusal: { readonly message: string; readonly params?: { readonly code: ErrorCode } };
  readonly holds: (fields: Fields) => boolean;
}

const needsNoSchema = withCode("unsupported_parameter", "does not go with a JSON schema");

const RULES: readonly Rule[] = [
  {
    param: "stream_options",
    refusal: { message: "needs stream to be true" },
    holds: ({ stream, stream_options: options }) => stream === true || !options,
  },
  {
    param: "tier",
    refusal: { message: "name a tier or the steps, not both" },
    holds: ({ tier, steps }) => !tier || !steps,
  },
  {
    param: "deadline_ms",
    refusal: { message: "is what the tier 'auto' goes by" },
    holds: ({ tier, deadline_ms: deadlineMs }) => tier !== "auto" || Boolean(deadlineMs),
  },
  {
    param: "max_completion_tokens",
    refusal: { message: "differs from max_tokens" },
    holds: ({ max_tokens: one, max_completion_tokens: other }) => !one || !other || one === other,
  },
  {
    param: "stop",
    refusal: needsNoSchema,
    holds: (fields) => !fields.stop?.length || !isJson(fields),
  },
  {
    param: "block_length",
    refusal: needsNoSchema,
    holds: (fields) => !fields.block_length || !isJson(fields),
  },
  {
    param: "block_length",
    refusal: withCode("block_length_not_a_divisor", "does not divide max_tokens"),
    holds: (fields) => toGenerationLength(fields) % (fields.block_length ?? 1) === 0,
  },
  {
    param: "steps",
    refusal: withCode("more_blocks_than_steps", "at least one for each block"),
    holds: (fields) => {
      const { steps, block_length: blockLength } = fields;
      return !steps || !blockLength || toGenerationLength(fields) / blockLength <= steps;
    },
  },
  {
    param: "revision_steps",
    refusal: { message: "goes by confidence, which random remasking draws" },
    holds: ({ remasking, revision_steps: steps }) => !steps || remasking !== "random",
  },
  {
    param: "early_exit",
    refusal: {
      message: "does not go with a suffix, a template or a JSON schema, which are filled whole",
    },
    holds: (fields) => !fields.early_exit || hasOpenEnd(fields),
  },
];

/** Reports the first combination that cannot run. */
export function checkFieldsTogether(fields: Fields, context: z.RefinementCtx): void {
  const broken = RULES.find(({ holds }) => !holds(fields));
  if (broken === undefined) return;
  context.addIssue({ code: "custom", path: [broken.param], ...broken.refusal });
}

/** Tells whether the text may end before its last position: nothing given follows it. */
export function hasOpenEnd(
  fields: Pick<Fields, "suffix" | "template" | "response_format">,
): boolean {
  return !fields.suffix && !fields.template && !isJson(fields);
}

function isJson({ response_format: format }: Pick<Fields, "response_format">): boolean {
  return format?.type === "json_schema";
}

/** Positions to fill, tokens. */
export function toGenerationLength(
  fields: Pick<Fields, "max_tokens" | "max_completion_tokens">,
): number {
  return fields.max_completion_tokens ?? fields.max_tokens ?? DEFAULT_GENERATION_LENGTH;
}
