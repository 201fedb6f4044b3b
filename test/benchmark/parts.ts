import { forwardPart } from "./engine/forward-part.ts";
import type { BenchPart } from "./part.ts";

/** Every part, in the order in which they run. */
export const PARTS: readonly BenchPart[] = [forwardPart];
