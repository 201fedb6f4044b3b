import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

/** What figures hang on. */
export interface Hardware {
  readonly cpu: string;
  readonly cores: number;
  /** Instruction sets that decide how fast products are. */
  readonly instructions: readonly string[];
  readonly memory_gib: number;
  /** Processes that wanted to run over the last minute, before the benchmark began. */
  readonly load_average: number;
  readonly node: string;
}

const DECISIVE_INSTRUCTIONS = ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"];

/** Describes this machine, and how busy it is. */
export function describeHardware(): Hardware {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    instructions: DECISIVE_INSTRUCTIONS.filter((name) => hasInstruction(name)),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    load_average: loadavg()[0] ?? 0,
    node: process.version,
  };
}

/** Tells whether the processor has an instruction set, as Linux spells it; false where that is not told. */
export function hasInstruction(name: string): boolean {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
    return flags.split(/\s+/).includes(name);
  } catch {
    return false;
  }
}
