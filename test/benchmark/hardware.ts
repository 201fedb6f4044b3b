import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { describeMachine, type Machine } from "../../gpu-backend/evaluation/measured-on.ts";

/** What speeds hang on. */
export interface Hardware extends Machine {
  /** Instruction sets that decide how fast products are. */
  readonly instructions: readonly string[];
  readonly memory_gib: number;
  readonly node: string;
}

const DECISIVE_INSTRUCTIONS = ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"];

/** Describes this machine, and how busy it is. */
export function describeHardware(): Hardware {
  return {
    ...describeMachine(),
    instructions: DECISIVE_INSTRUCTIONS.filter((name) => hasInstruction(name)),
    memory_gib: Math.round(totalmem() / 2 ** 30),
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
