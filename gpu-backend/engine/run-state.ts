/**
 * A generation as text, so that another node continues it.
 *
 * Owns: what a generation is made of beside its reverse process, and the check that a state is one of
 * the request that it comes with.
 * Does not own: the process's own state (sampler/process-state.ts); the text, which follows from the
 * ids that are final; the constraint, which follows from the request.
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { Canvas } from "../canvas/canvas.ts";
import type { CandidateConstraint } from "../sampler/constraint.ts";
import { type Digest, exportState, resumeProcess } from "../sampler/process-state.ts";
import type { RandomSource } from "../sampler/random-source.ts";
import type { ReverseProcess } from "../sampler/reverse-process.ts";
import type { SamplingSettings } from "../sampler/sampling-settings.ts";

/** Between what is here and the process's own state, which is JSON without one. */
const SEPARATOR = "\n";

/** How the lengths of holes were chosen, before the first step. */
export interface ChosenLengths {
  /** One a hole, in the template's order. */
  readonly lengths: readonly number[];
  /** `[canvas length, rows fed at that length]` of the passes that chose them. */
  readonly trials: readonly (readonly [number, number])[];
}

/** A state as it came, and the function that checks it. */
export interface ResumeOrder {
  readonly state: string;
  readonly digest: Digest;
}

/**
 * Writes a run down between two steps.
 *
 * @param chosen Null where no hole has a length to choose.
 */
export function writeRunState(
  process: ReverseProcess,
  chosen: ChosenLengths | null,
  digest: Digest,
): string {
  return JSON.stringify(chosen) + SEPARATOR + exportState(process, digest);
}

/**
 * Reads the lengths of a state's holes.
 *
 * @throws {ApiError} `invalid_parameter` at `resume_from`.
 */
export function readChosenLengths({ state }: ResumeOrder): ChosenLengths {
  const text = state.slice(0, Math.max(0, state.indexOf(SEPARATOR)));
  let value: Partial<ChosenLengths> | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse("is no state", cause);
  }
  const { lengths, trials } = value ?? {};
  const isCount = (count: unknown) => Number.isSafeInteger(count) && Number(count) >= 0;
  const isRight =
    Array.isArray(lengths) &&
    lengths.every(isCount) &&
    Array.isArray(trials) &&
    trials.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isCount));
  if (!isRight) throw refuse("has no lengths for the holes");
  return { lengths, trials };
}

/** What a request's run begins as; its state must be one of the same. */
export interface RunBeginning {
  readonly canvas: Canvas;
  readonly settings: SamplingSettings;
  readonly random: RandomSource;
  readonly constraint: CandidateConstraint | null;
}

/**
 * Continues a run where its state left it.
 *
 * @throws {ApiError} `invalid_parameter` at `resume_from` if the state is damaged, of another version
 *   or of another request.
 */
export function resumeRun(
  { state, digest }: ResumeOrder,
  { canvas, settings, random, constraint }: RunBeginning,
): ReverseProcess {
  const process = readProcess(state.slice(state.indexOf(SEPARATOR) + 1), digest, constraint);
  const isSame =
    JSON.stringify(process.settings) === JSON.stringify(settings) &&
    process.random.seed === random.seed &&
    process.canvas.promptLength === canvas.promptLength &&
    keepsGivenTokens(process.canvas, canvas, settings.maskTokenId);
  if (!isSame) throw refuse("is the state of another request");
  return process;
}

function readProcess(
  state: string,
  digest: Digest,
  constraint: CandidateConstraint | null,
): ReverseProcess {
  try {
    return resumeProcess(state, digest, constraint);
  } catch (cause) {
    throw refuse("is no state that this node can go on from", cause);
  }
}

/** Every token that the request gives is where it was; an early exit may have cut masks off. */
function keepsGivenTokens(now: Canvas, begun: Canvas, maskTokenId: number): boolean {
  const hasSameHoles = String(now.holeColumns) === String(begun.holeColumns);
  return (
    hasSameHoles &&
    begun.tokenIds.every((id, column) => id === maskTokenId || id === now.tokenIds[column])
  );
}

function refuse(complaint: string, cause?: unknown): ApiError {
  return new ApiError("invalid_parameter", `The field resume_from ${complaint}.`, {
    param: "resume_from",
    cause,
  });
}
