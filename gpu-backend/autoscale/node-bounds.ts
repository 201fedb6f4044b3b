import { z } from "zod";

/** Nodes of one machine, at most: each is a process with a network of its own. */
const MAX_NODES = 64;

/** How many nodes there may be; equal bounds are a fixed number. */
export interface NodeBounds {
  /** From 0. */
  readonly min: number;
  /** From 1, at least `min`. */
  readonly max: number;
}

const boundsSchema = z
  .string()
  .regex(/^\d{1,3}(\.\.\d{1,3})?$/)
  .transform((text) => text.split("..").map(Number))
  .transform(([min = 0, max = min]) => ({ min, max }))
  .refine(({ min, max }) => min <= max && max >= 1 && max <= MAX_NODES);

/**
 * Reads `2`, always so many, or `0..4`, as many as are wanted.
 *
 * @throws Error that says what is taken, for anything else.
 */
export function parseNodeBounds(text: string): NodeBounds {
  const bounds = boundsSchema.safeParse(text);
  if (bounds.success) return bounds.data;
  throw new Error(
    `--nodes takes a number from 1 to ${MAX_NODES}, or a range such as 0..4, not ${text}.`,
  );
}
