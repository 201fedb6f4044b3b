/**
 * A text with holes anywhere, as a client writes it, and as a node is asked for it.
 *
 * Owns: what must hold of a template before a node sees it, words pinned inside a hole.
 * Does not own: what else is in a body (infill.ts, generations.ts), how long text is in tokens (the node).
 */
import { z } from "zod";
import { MAX_GENERATION_LENGTH, MAX_PROMPT_CHARACTERS } from "./limits.ts";
import type { FilledHole, NodeInput } from "./node-wire.ts";
import { withCode } from "./openai-fields.ts";

const MAX_PARTS = 1_000;

const lengthSchema = z.int().min(1).max(MAX_GENERATION_LENGTH);

/** Text in a hole that stays as it is. */
const pinSchema = z.strictObject({
  /** Tokens of the hole that are filled before it. */
  at: z.int().min(0).max(MAX_GENERATION_LENGTH),
  text: z.string().min(1),
});

/** Text that stays as it is, or a hole: of one length in tokens, or of the likeliest in a range. */
const partSchema = z.union([
  z.string(),
  z
    .strictObject({
      /** Tokens to fill, those of pinned text not counted. */
      length: lengthSchema,
      pinned: z.array(pinSchema).max(MAX_PARTS).nullish(),
    })
    .refine(({ length, pinned }) => (pinned ?? []).every(({ at }) => at <= length), {
      path: ["pinned"],
      ...withCode("hole_length_invalid", "lies behind the hole's end"),
    })
    .refine(({ pinned }) => isAscending((pinned ?? []).map(({ at }) => at)), {
      path: ["pinned"],
      message: "is in ascending order",
    }),
  z
    .strictObject({ min_length: lengthSchema, max_length: lengthSchema })
    .refine(({ min_length: min, max_length: max }) => min <= max, {
      path: ["max_length"],
      ...withCode("hole_length_invalid", "is below min_length"),
    }),
]);
export type TemplatePart = z.infer<typeof partSchema>;

type Template = readonly TemplatePart[];
type Hole = Exclude<TemplatePart, string>;
type TemplateInput = Extract<NodeInput, { type: "template" }>;
type Segment = TemplateInput["segments"][number];

/** At least one hole; the text before it may be all the text there is. */
export const templateSchema = z
  .array(partSchema)
  .max(MAX_PARTS)
  .refine((parts) => parts.some(isHole), withCode("no_hole", "has no hole"))
  .refine(
    (parts) => toTexts(parts).join("").length <= MAX_PROMPT_CHARACTERS,
    withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
  )
  .refine(
    (parts) => countHoleTokens(parts) <= MAX_GENERATION_LENGTH,
    withCode("max_tokens_exceeded", `at most ${MAX_GENERATION_LENGTH} tokens in all holes`),
  )
  .refine((parts) => toSegments(parts).length <= MAX_PARTS, {
    message: `has at most ${MAX_PARTS} parts, pinned ones counted`,
  });

/** Tells whether a template has any text, pinned or between its holes. */
export function hasText(parts: Template): boolean {
  return toTexts(parts).some((text) => text !== "");
}

/** Tells whether the node is to choose a length. */
export function hasRange(parts: Template): boolean {
  return parts.some(
    (part) => isHole(part) && "max_length" in part && part.min_length < part.max_length,
  );
}

/** Tokens of all holes, each as long as it may be. */
export function countHoleTokens(parts: Template): number {
  return parts.filter(isHole).reduce((sum, hole) => sum + toMaxLength(hole), 0);
}

/** What a node is to begin from. */
export function toTemplateInput(parts: Template, prompt: TemplateInput["prompt"]): TemplateInput {
  return {
    type: "template",
    field: "template",
    segments: toSegments(parts),
    ...(prompt === undefined ? {} : { prompt }),
  };
}

/**
 * Each hole of a template as it was filled, what is pinned in it included.
 *
 * @param filled What the node filled, in order: a hole's pieces between pinned text one by one.
 * @returns `null` if they are not as many as were asked for. Tokens are those that were filled.
 */
export function joinHoles(parts: Template, filled: readonly FilledHole[]): FilledHole[] | null {
  const pieces = filled.values();
  const holes = parts.filter(isHole).map((hole) => {
    let text = "";
    let tokenCount = 0;
    for (const segment of toHoleSegments(hole)) {
      if (segment.type === "text") {
        text += segment.text;
        continue;
      }
      const piece = pieces.next().value;
      if (piece === undefined) return null;
      text += piece.text;
      tokenCount += piece.token_count;
    }
    return { text, token_count: tokenCount };
  });
  const isWhole = pieces.next().done && holes.every((hole) => hole !== null);
  return isWhole ? holes.filter((hole) => hole !== null) : null;
}

/** The template with its holes filled, in order. */
export function fillTemplate(parts: Template, holes: readonly FilledHole[]): string {
  const rest = holes.values();
  return parts.map((part) => (isHole(part) ? (rest.next().value?.text ?? "") : part)).join("");
}

function toSegments(parts: Template): Segment[] {
  return parts.flatMap((part) =>
    isHole(part) ? toHoleSegments(part) : [{ type: "text" as const, text: part }],
  );
}

/** A hole in pieces, pinned text between. */
function toHoleSegments(hole: Hole): Segment[] {
  if ("max_length" in hole) {
    return [{ type: "hole", min_length: hole.min_length, length: hole.max_length }];
  }
  const segments: Segment[] = [];
  let start = 0;
  for (const { at, text } of hole.pinned ?? []) {
    if (at > start) segments.push({ type: "hole", length: at - start });
    segments.push({ type: "text", text });
    start = at;
  }
  if (hole.length > start) segments.push({ type: "hole", length: hole.length - start });
  return segments;
}

function toTexts(parts: Template): string[] {
  return parts.flatMap((part) => {
    if (typeof part === "string") return [part];
    return "pinned" in part ? (part.pinned ?? []).map(({ text }) => text) : [];
  });
}

function toMaxLength(hole: Hole): number {
  return "length" in hole ? hole.length : hole.max_length;
}

function isHole(part: TemplatePart): part is Hole {
  return typeof part !== "string";
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value >= (values[i - 1] ?? 0));
}
