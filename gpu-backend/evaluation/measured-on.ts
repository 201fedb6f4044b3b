/** What a figure hangs on beside the model: the code, and the machine. */
import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";

/** A machine, and how busy it is. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted to run over the last minute. */
  readonly load_average: number;
}

/** The commit of this checkout, with a `+` where files differ from it; `unknown` outside one. */
export function readCommit(): string {
  const git = (...parameters: string[]) =>
    execFileSync("git", parameters, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return git("rev-parse", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    load_average: loadavg()[0] ?? 0,
  };
}
