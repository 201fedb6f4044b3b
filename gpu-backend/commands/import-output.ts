/** The folder that an import writes: made ready before the work, removed if the work fails. */

import { mkdir, readdir, rm, statfs } from "node:fs/promises";
import { ApiError } from "#shared/contracts/errors.ts";

/** What the file system's codes mean to the operator. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left",
  EDQUOT: "the quota is used up",
  ENOENT: "the folder above it does not exist",
  ENOTDIR: "a part of its path is a file",
  EEXIST: "it is a file",
};

/**
 * Writes a folder, or leaves nothing behind.
 *
 * @param out Its path; it may exist and be empty.
 * @param neededBytes What `write` will take, checked before it begins.
 * @throws {ApiError} `invalid_parameter`, `param` `out`, if the folder has files, cannot be written, or
 *   the space is too small; whatever else `write` throws.
 */
export async function writeOutput(
  out: string,
  neededBytes: number,
  write: () => Promise<void>,
): Promise<void> {
  const firstMade = await attempt(() => makeEmptyFolder(out));
  try {
    await attempt(() => checkSpace(out, neededBytes));
    await attempt(write);
  } catch (error) {
    await rm(firstMade ?? out, { recursive: true, force: true });
    if (firstMade === undefined) await mkdir(out);
    throw error;
  }
}

/** Returns the uppermost folder that was made; undefined if `out` was there. */
async function makeEmptyFolder(out: string): Promise<string | undefined> {
  const made = await mkdir(out, { recursive: true });
  if ((await readdir(out)).length > 0) {
    throw refused("exists and is not empty");
  }
  return made;
}

async function checkSpace(out: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(out);
  if (neededBytes > bavail * bsize) {
    throw refused(`needs ${neededBytes} bytes, and its disk has ${bavail * bsize} left`);
  }
}

/** Turns the file system's errors into ours. */
async function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw describeFileError(error);
  }
}

/** An error of ours for one of the file system that concerns the output; any other as it is. */
export function describeFileError(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  return reason === undefined || error instanceof ApiError
    ? error
    : refused(`cannot be written: ${reason}`, error);
}

function refused(complaint: string, cause?: unknown): ApiError {
  return new ApiError("invalid_parameter", `The folder --out ${complaint}.`, {
    param: "out",
    cause,
  });
}
