/**
 * ggml's side of the benchmark, a program of its own: one JSON order a line in, one answer a line out.
 * `node serve-ggml.ts FOLDER GGUF`, where FOLDER holds `node-llama-cpp` in its `node_modules`.
 *
 * Owns: what is timed: CPU seconds of this process for whole passes over a canvas.
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

/** What is used of `node-llama-cpp`, which is no dependency and so has no types here. */
interface LlamaSequence {
  controlledEvaluate(
    input: readonly (number | readonly [number, object])[],
  ): Promise<({ next: { token?: number } } | undefined)[]>;
  clearHistory(): Promise<void>;
}
interface LlamaModel {
  createContext(options: object): Promise<{ getSequence(): LlamaSequence }>;
}
interface LlamaModule {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<LlamaModel> }>;
}

/** One pass over `ids`, its answer wanted at `candidates`. */
export interface GgmlOrder {
  readonly ids: readonly number[];
  readonly candidates: readonly number[];
  readonly repeat: number;
}

/** CPU seconds of all passes, and the likeliest id of each candidate. */
export interface GgmlAnswer {
  readonly cpu_seconds: number;
  readonly ids: number[];
}

/** Columns of the context; more than any canvas of the benchmark. */
const CONTEXT_SIZE = 256;

async function load(folder: string, gguf: string): Promise<LlamaSequence> {
  const entry = join(folder, "node_modules", "node-llama-cpp", "dist", "index.js");
  const llamaModule: LlamaModule = await import(pathToFileURL(entry).href);
  const llama = await llamaModule.getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    logLevel: "error",
    maxThreads: 1,
  });
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: CONTEXT_SIZE,
    batchSize: CONTEXT_SIZE,
    threads: 1,
    flashAttention: false,
  });
  return context.getSequence();
}

async function run(sequence: LlamaSequence, order: GgmlOrder): Promise<GgmlAnswer> {
  const candidates = new Set(order.candidates);
  const generateNext = { generateNext: { token: true, options: { temperature: 0 } } };
  const input = order.ids.map((id, i) => (candidates.has(i) ? ([id, generateNext] as const) : id));
  let cpuMicroseconds = 0;
  let ids: number[] = [];
  for (let i = 0; i < order.repeat; i += 1) {
    await sequence.clearHistory();
    const before = process.cpuUsage();
    const outputs = await sequence.controlledEvaluate(input);
    const { user, system } = process.cpuUsage(before);
    cpuMicroseconds += user + system;
    ids = order.candidates.map((column) => outputs[column]?.next.token ?? -1);
  }
  return { cpu_seconds: cpuMicroseconds / 1e6, ids };
}

const [folder = "", gguf = ""] = process.argv.slice(2);
const sequence = await load(folder, gguf);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(sequence, JSON.parse(line) as GgmlOrder))}\n`);
}
