/**
 * Every number that the simulation of a pool rests on, and where it is from.
 *
 * "Measured" is: two cores of an AMD EPYC server, AVX2, shared machine, 2026-11-24, unless said otherwise.
 * "Assumed" is a guess: read what follows from it as a comparison, not as a forecast.
 */
import type { Tier } from "../../shared/contracts/tier-names.ts";

/** How long a pass takes: `passMs + columnMs × rows × columns fed`. */
export interface NodeKind {
  readonly name: string;
  readonly passMs: number;
  readonly columnMs: number;
  /** From the wish for a node to its first heartbeat, milliseconds. */
  readonly startMs: number;
}

/**
 * Measured on an idle machine of two x86-64 cores with AVX-512: a network of 20 M parameters in int8
 * with two threads takes 11.0 ms for 1 × 192 columns, 84.7 for 8 × 192, 2.7 for 1 × 32, 12.7 for 8 × 32.
 * The line misses none of the four by more than 1.4 ms. The start is that of a second `npm start`.
 */
export const CPU_NODE: NodeKind = {
  name: "cpu",
  passMs: 0.9,
  columnMs: 0.0535,
  startMs: 6_000,
};

/**
 * Assumed, since no node has run on a GPU: LLaDA-8B in bf16 on one H100. 16 GB of weights at four fifths
 * of 3.35 TB/s for each pass, and 16 GFLOP for each column at half of 990 TFLOP/s; a minute for a pod to
 * be placed, start and read the weights.
 */
export const GPU_NODE: NodeKind = { name: "gpu", passMs: 6, columnMs: 0.032, startMs: 60_000 };

/** As `UNMASK_MAX_BATCH_ROWS` and `UNMASK_MAX_QUEUE` are by default. */
export const MAX_BATCH_ROWS = 8;
export const MAX_QUEUE = 64;
/** Longest canvas: LLaDA's. */
export const MAX_CANVAS_LENGTH = 4_096;

/** Of a request on its way to a node, and of a frame on its way back; assumed. */
export const NETWORK_MS = 10;
/** How old the edge's view of the pool is when it is read anew (edge/pool/pool-access.ts). */
export const VIEW_REFRESH_MS = 500;
/** How often a request that waits looks for a node (edge/pool/node-pool.ts). */
export const WAITING_POLL_MS = 250;
/** Nodes that refuse a request for want of room before its client is told so (edge/pool/run-stall.ts). */
export const MAX_REFUSALS = 2;
/** Requests that wait longer for a node are refused. */
export const MAX_WAIT_MS = 300_000;
/** Isolates that choose without knowing of each other: one for so many requests a second; assumed. */
export const REQUESTS_PER_SECOND_OF_AN_EDGE = 50;

/** How KEDA and Kubernetes follow the wish (deploy/kubernetes/overlays/scale-to-zero/scaler.yaml). */
export const SCALER_POLL_MS = 5_000;
export const SCALE_UP_NODES = 8;
export const SCALE_UP_PERIOD_MS = 15_000;
export const SCALE_DOWN_STABILISATION_MS = 60_000;
export const SCALE_DOWN_PERIOD_MS = 60_000;
export const SCALE_TO_ZERO_MS = 300_000;

/** Which tiers are asked for; assumed. */
export const TIER_SHARES: readonly (readonly [Tier, number])[] = [
  ["draft", 0.1],
  ["fast", 0.2],
  ["balanced", 0.45],
  ["quality", 0.2],
  ["max", 0.05],
];
/** New tokens; assumed. */
export const GENERATION_LENGTH_SHARES: readonly (readonly [number, number])[] = [
  [64, 0.5],
  [128, 0.35],
  [256, 0.15],
];
/** Prompts are log-normal about this many tokens; assumed. */
export const PROMPT_TOKENS_MEDIAN = 60;
export const PROMPT_TOKENS_SPREAD = 0.8;
export const PROMPT_TOKENS_MAX = 1_000;
export const BLOCK_LENGTH = 32;
/** Of the steps that a tier with a threshold may take, what it takes: evenly between these; assumed. */
export const LEAST_EXECUTED_SHARE = 0.4;
