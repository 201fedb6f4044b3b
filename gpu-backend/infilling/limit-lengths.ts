import { isHole, type TemplateSegment } from "./template.ts";

/**
 * Takes from the holes the lengths that they could not all have together: the longest that are left
 * come to at most `maxTokens`. The holes grow in turn, from their shortest lengths on.
 *
 * @returns The segments, other holes in place of those that lose lengths; null if even the shortest
 *   lengths come to more.
 */
export function limitLengths(
  segments: readonly TemplateSegment[],
  maxTokens: number,
): TemplateSegment[] | null {
  const holes = segments.filter(isHole);
  const counts = holes.map(() => 1);
  let free = maxTokens - holes.reduce((sum, { lengths }) => sum + (lengths[0] ?? 0), 0);
  if (free < 0) return null;
  let hasGrown = true;
  while (hasGrown) {
    hasGrown = false;
    for (const [index, { lengths }] of holes.entries()) {
      const count = counts[index] ?? 1;
      const growth = (lengths[count] ?? Number.POSITIVE_INFINITY) - (lengths[count - 1] ?? 0);
      if (growth > free) continue;
      free -= growth;
      counts[index] = count + 1;
      hasGrown = true;
    }
  }
  const rest = counts.values();
  return segments.map((segment) =>
    isHole(segment)
      ? { ...segment, lengths: segment.lengths.slice(0, rest.next().value ?? 1) }
      : segment,
  );
}
