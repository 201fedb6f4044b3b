import { cancelSoakPart } from "./edge/cancel-soak-part.ts";
import { edgePart } from "./edge/edge-part.ts";
import { floorPart } from "./engine/floor-part.ts";
import { forwardPart } from "./engine/forward-part.ts";
import { growthPart } from "./engine/growth-part.ts";
import { mixedLoadPart } from "./engine/mixed-load-part.ts";
import { overheadPart } from "./engine/overhead-part.ts";
import { samplersPart } from "./engine/samplers-part.ts";
import { soakPart } from "./engine/soak-part.ts";
import type { BenchPart } from "./part.ts";

/** Every part, in the order in which they run. */
export const PARTS: readonly BenchPart[] = [
  forwardPart,
  overheadPart,
  samplersPart,
  mixedLoadPart,
  growthPart,
  floorPart,
  soakPart,
  edgePart,
  cancelSoakPart,
];
