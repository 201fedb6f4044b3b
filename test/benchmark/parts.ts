import { forwardPart } from "./engine/forward-part.ts";
import { overheadPart } from "./engine/overhead-part.ts";
import { samplersPart } from "./engine/samplers-part.ts";
import type { BenchPart } from "./part.ts";

/** Every part, in the order in which they run. */
export const PARTS: readonly BenchPart[] = [forwardPart, overheadPart, samplersPart];
