/** Where the runtime spends a pass, by kind of operator, from the profile that it writes itself. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Kinds of work in a pass. */
export const WORK_KINDS = ["products", "attention", "rounding", "choices", "other"] as const;
/** One of {@link WORK_KINDS}. */
export type WorkKind = (typeof WORK_KINDS)[number];

const KIND_OF: Readonly<Record<string, WorkKind>> = {
  Gemm: "products",
  MatMul: "products",
  FusedMatMul: "products",
  MatMulInteger: "products",
  MatMulIntegerToFloat: "products",
  MatMulNBits: "products",
  DynamicQuantizeMatMul: "products",
  Attention: "attention",
  MultiHeadAttention: "attention",
  RotaryEmbedding: "attention",
  QuantizeLinear: "rounding",
  Abs: "rounding",
  TopK: "choices",
  Softmax: "choices",
};

interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly dur?: number;
  readonly args?: { readonly op_name?: string };
}

/** Microseconds by kind, over all runs of all sessions. */
export interface OperatorProfile {
  readonly byKind: Readonly<Record<WorkKind, number>>;
  /** Operators by their time, longest first. */
  readonly byOperator: readonly (readonly [string, number])[];
  /** Of whole runs, what lies between the operators included. */
  readonly runs: number;
}

/** Reads every profile in a folder; its sessions must have been released. */
export function readProfile(folder: string): OperatorProfile {
  const byOperator = new Map<string, number>();
  const byKind = { products: 0, attention: 0, rounding: 0, choices: 0, other: 0 };
  let runs = 0;
  for (const event of readdirSync(folder).flatMap((file) => readEvents(join(folder, file)))) {
    const { name = "", dur = 0 } = event;
    if (event.cat === "Session" && name === "model_run") runs += dur;
    const operator = operatorOf(event);
    if (operator === null) continue;
    byOperator.set(operator, (byOperator.get(operator) ?? 0) + dur);
    byKind[KIND_OF[operator] ?? "other"] += dur;
  }
  if (runs === 0) throw new RangeError("the runtime wrote no profile");
  return { byKind, byOperator: [...byOperator].sort(([, a], [, b]) => b - a), runs };
}

function readEvents(path: string): ProfileEvent[] {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The operator whose computation an event tells of; null where it tells of something else. */
function operatorOf({ cat, name = "", args }: ProfileEvent): string | null {
  return cat === "Node" && name.endsWith("_kernel_time") ? (args?.op_name ?? null) : null;
}
