import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { hasInstruction } from "../hardware.ts";
import { PeerProcess } from "./peer-process.ts";

const PYTHON = "/usr/bin/python3";
const PROGRAM = join(import.meta.dirname, "../../../gpu-backend/training/serve_peer.py");

/** How a published sampler is called. */
export interface SamplerParameters {
  readonly steps: number;
  readonly gen_length: number;
  readonly block_length: number;
  readonly mask_id: number;
  readonly threshold?: number | null;
}

/** A whole generation by PyTorch. */
export interface TorchGeneration {
  readonly cpu_seconds: number;
  /** `[rows][columns]`. */
  readonly ids: number[][];
}

/** Why PyTorch cannot be compared with; null if it can. */
export function missingTorch(): string | null {
  const hasTorch = spawnSync(PYTHON, ["-c", "import torch"]).status === 0;
  return hasTorch
    ? null
    : "PyTorch is not installed for /usr/bin/python3 (apt-get install python3-torch)";
}

/** The published network and samplers in PyTorch, one thread, its clock being CPU time. */
export class TorchPeer {
  readonly #process: PeerProcess;

  /** @param modelFolder Checkpoint to load. */
  constructor(modelFolder: string) {
    this.#process = new PeerProcess(PYTHON, [PROGRAM, "--model", modelFolder, "--threads", "1"], {
      OMP_NUM_THREADS: "1",
      OPENBLAS_NUM_THREADS: "1",
      // Debian's OpenBLAS takes processors with AVX-512 for older ones and is slower than it could be.
      ...(hasInstruction("avx512f") ? { OPENBLAS_CORETYPE: "SkylakeX" } : {}),
    });
  }

  /** @param candidates Flat indexes into `ids`. */
  async forward(
    ids: readonly (readonly number[])[],
    candidates: readonly number[],
    repeat: number,
  ): Promise<{ readonly cpu_seconds: number; readonly ids: number[] }> {
    return await this.#process.ask({ run: "forward", ids, candidates, repeat });
  }

  /** The rate of `[rows, inputs]` by `[inputs, outputs]`, multiplications and additions per CPU second. */
  async productRate(
    rows: number,
    inputs: number,
    outputs: number,
    repeat: number,
  ): Promise<number> {
    const order = { run: "product", rows, inputs, outputs, repeat };
    const { cpu_seconds: seconds } = await this.#process.ask<{ cpu_seconds: number }>(order);
    return (repeat * 2 * rows * inputs * outputs) / seconds;
  }

  /** LLaDA's `generate`. */
  async generate(
    prompt: readonly (readonly number[])[],
    params: Omit<SamplerParameters, "threshold">,
  ): Promise<TorchGeneration> {
    return await this.#process.ask({ run: "generate", prompt, params });
  }

  /** Fast-dLLM's samplers. */
  async generateCached(
    cache: "threshold" | "prefix" | "dual",
    prompt: readonly (readonly number[])[],
    params: SamplerParameters,
  ): Promise<TorchGeneration & { readonly passes: number }> {
    return await this.#process.ask({ run: "cached", cache, prompt, params });
  }

  async close(): Promise<void> {
    await this.#process.close();
  }
}
