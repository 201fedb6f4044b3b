/**
 * A run as text, so that another process continues it: the half-denoised canvas, what was asked for,
 * and where the run stands.
 *
 * Owns: the format, its version, and the refusal of what is not whole.
 * Does not own: where a state is kept and who may hand one in (engine/, server/); a cache of keys and
 * values, which follow from the ids that they stand for; a constraint, which is a function of the request.
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { Canvas } from "../canvas/canvas.ts";
import type { CandidateConstraint } from "./constraint.ts";
import { createCounterRandom } from "./counter-random.ts";
import {
  packFlags,
  packFloats,
  packIds,
  unpackFlags,
  unpackFloats,
  unpackIds,
} from "./packed-numbers.ts";
import type { ProcessProgress } from "./process-progress.ts";
import { ReverseProcess } from "./reverse-process.ts";
import type { RevisionProgress } from "./revision.ts";
import { resolveSamplingSettings, type SamplingSettings } from "./sampling-settings.ts";

/**
 * SHA-256 of a text's UTF-8, in lower-case hex. Passed in, because the runtimes have it outside the
 * language and the sampler uses the language alone.
 */
export type Digest = (text: string) => string;

/** Version of the format; a state of another version is refused. */
const STATE_VERSION = 2;

/** What is written down; arrays as `packed-numbers.ts` packs them. */
interface StateBody {
  readonly settings: SamplingSettings;
  readonly seed: number;
  readonly tokenIds: string;
  readonly promptLength: number;
  readonly attended: readonly number[] | null;
  readonly holeColumns: string | null;
  readonly progress: PackedProgress;
}

type PackedProgress = Omit<ProcessProgress, "isGiven" | "contextTokenIds" | "revision"> & {
  readonly contextTokenIds: string | null;
  readonly isGiven: readonly number[];
  readonly revision: Omit<RevisionProgress, "confidences"> & { readonly confidences: string };
};

interface StateFile {
  readonly version: number;
  readonly digest: string;
  readonly body: StateBody;
}

/**
 * Writes a run down between two steps, also before the first and after the last.
 *
 * @returns JSON of about three bytes for each column that holds a token, one for each mask, and six for
 *   each committed column where the run may be revised.
 * @throws {ApiError} `invalid_parameter` with param `state` if the run's draws come from a table.
 */
export function exportState(process: ReverseProcess, digest: Digest): string {
  const { canvas, settings, random, progress } = process;
  if (random.seed === null) throw refusal("A run whose draws are read from a table has no state.");
  const { revision } = progress;
  const body: StateBody = {
    settings,
    seed: random.seed,
    tokenIds: packIds(canvas.tokenIds),
    promptLength: canvas.promptLength,
    attended: canvas.attended && packFlags(canvas.attended),
    holeColumns: canvas.holeColumns && packIds(canvas.holeColumns),
    progress: {
      ...progress,
      contextTokenIds: progress.contextTokenIds && packIds(progress.contextTokenIds),
      isGiven: packFlags(progress.isGiven),
      revision: { ...revision, confidences: packFloats(revision.confidences) },
    },
  };
  // Written once: every step of every row that may be resumed elsewhere comes by here.
  return writeFile(JSON.stringify(body), digest);
}

function writeFile(bodyText: string, digest: Digest): string {
  return `{"version":${STATE_VERSION},"digest":"${digest(digested(bodyText))}","body":${bodyText}}`;
}

/**
 * Continues a run from its state: the same ids, steps and counters as if it had never stopped.
 *
 * The digest finds damage, not forgery: whoever takes a state from outside checks who made it.
 *
 * @param constraint The one that the run had; null where it had none.
 * @throws {ApiError} `invalid_parameter` with param `state` if the state is damaged or of another
 *   version.
 */
export function resumeProcess(
  state: string,
  digest: Digest,
  constraint: CandidateConstraint | null = null,
): ReverseProcess {
  const body = readBody(state, digest);
  try {
    return restore(body, constraint);
  } catch (error) {
    throw refusal("The state does not describe a run.", error);
  }
}

function readBody(state: string, digest: Digest): StateBody {
  const file = parse(state);
  if (file.version !== STATE_VERSION) throw refusal("The state is of another version.");
  // Letter for letter: the same number may be written in many ways.
  if (file.body === undefined || state !== writeFile(JSON.stringify(file.body), digest)) {
    throw refusal("The state is damaged.");
  }
  return file.body;
}

function parse(state: string): Partial<StateFile> {
  let file: unknown;
  try {
    file = JSON.parse(state);
  } catch (error) {
    throw refusal("The state is no JSON.", error);
  }
  if (typeof file !== "object" || file === null) throw refusal("The state is no object.");
  return file;
}

/** The version is under the digest too: damage to it does not make another version. */
function digested(bodyText: string): string {
  return `${STATE_VERSION} ${bodyText}`;
}

function restore(body: StateBody, constraint: CandidateConstraint | null): ReverseProcess {
  const { progress, attended, holeColumns } = body;
  const settings = resolveSamplingSettings(body.settings, body.settings);
  const canvas = new Canvas(
    unpackIds(body.tokenIds),
    body.promptLength,
    attended && unpackFlags(attended),
    holeColumns === null ? null : unpackIds(holeColumns),
  );
  const random = createCounterRandom(body.seed, canvas.firstColumn);
  const { confidences } = progress.revision;
  const { contextTokenIds } = progress;
  return new ReverseProcess(canvas, settings, random, constraint, {
    ...progress,
    contextTokenIds: contextTokenIds === null ? null : unpackIds(contextTokenIds),
    isGiven: unpackFlags(progress.isGiven),
    revision: { ...progress.revision, confidences: unpackFloats(confidences) },
  });
}

function refusal(message: string, cause?: unknown): ApiError {
  return new ApiError("invalid_parameter", message, { param: "state", cause });
}
