/**
 * Clients that leave, for minutes: does the memory of edge and node stay flat, is every step paid?
 *
 * Edge and node are processes of their own, as in production, before the embedded model; the memory is
 * that of each process. Four of five requests are left, streamed and whole, on every kind of road.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecrets, type StackSecrets } from "../../../deploy/local/local-stack.ts";
import { startNodeProcess } from "../../../deploy/local/node-process.ts";
import { buildScript } from "../../../deploy/local/worker-bundle.ts";
import { createRandom } from "../../support/write-checkpoint.ts";
import type { PlotPoint } from "../line-plot.ts";
import { slope } from "../measure.ts";
import type { BenchPart, BenchReport } from "../part.ts";
import { startBareWorkerd } from "./bare-workerd.ts";
import { type BenchAccount, openBenchAccount } from "./bench-account.ts";

const IN_FLIGHT = 8;
const LEAVING_SHARE = 0.8;
const STREAMED_SHARE = 0.75;
const MAX_STAY_MS = 1_500;
const SAMPLE_INTERVAL_MS = 1_000;
const TELL_INTERVAL_MS = 30_000;
/** The runtimes' heaps and the model's arenas grow to their bounds first. */
const WARM_UP_SHARE = 0.25;
const INTRODUCTION_MS = 60_000;
const KIB_PER_MIB = 1024;

/** Each road through the edge, streamed and whole. */
const ROADS = [
  ["/v1/chat/completions", { messages: [{ role: "user", content: "Tell me a story." }] }],
  ["/v1/completions", { prompt: "Once upon a time" }],
  ["/v1/generations", { prompt: "Once upon a time" }],
] as const;

interface Counts {
  completed: number;
  left: number;
  failed: number;
}

/** A process whose memory is watched. */
interface Watched {
  readonly name: "edge" | "node";
  readonly processId: number;
}

/** `cancel-soak`. */
export const cancelSoakPart: BenchPart = {
  name: "cancel-soak",
  async run({ soakMinutes }, report) {
    const names = ["cancel_soak_edge_memory_slope", "cancel_soak_node_memory_slope"];
    if (soakMinutes === 0) return report.skip(names, "no --soak-minutes");
    if (process.platform !== "linux") return report.skip(names, "memory is read from /proc");
    const directory = await mkdtemp(join(tmpdir(), "unmask-bench-"));
    const secrets = createSecrets();
    try {
      const script = await buildScript(directory, join("edge", "worker.ts"));
      const edge = await startBareWorkerd({ "worker.js": script }, { ...secrets });
      try {
        await withNode(directory, edge.url, secrets, async (processId) => {
          const account = await openBenchAccount(edge.url, secrets.OPERATOR_SECRET);
          await waitForModel(edge.url, account);
          const edgeProcess = { name: "edge", processId: edge.processId } as const;
          const watched = [edgeProcess, { name: "node", processId } as const];
          await soak(edge.url, account, watched, soakMinutes, report);
        });
      } finally {
        await edge.stop();
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};

async function withNode(
  directory: string,
  edgeUrl: string,
  { GRANT_SECRET }: StackSecrets,
  work: (processId: number) => Promise<void>,
): Promise<void> {
  const environment = {
    UNMASK_NODE_ID: "node-1",
    UNMASK_NODE_PORT: "0",
    UNMASK_EDGE_URL: edgeUrl,
    UNMASK_SPOOL_DIRECTORY: join(directory, "receipts"),
    UNMASK_GRANT_SECRET: GRANT_SECRET,
  };
  const node = startNodeProcess(environment, () => undefined);
  try {
    await node.listening;
    if (node.processId === undefined) throw new Error("The node has no process.");
    await work(node.processId);
  } finally {
    node.drain();
    await node.exited;
  }
}

/** Returns when the edge has heard of the node. */
async function waitForModel(edgeUrl: string, { inferenceKey }: BenchAccount): Promise<void> {
  const headers = { authorization: `Bearer ${inferenceKey}` };
  const endsAt = performance.now() + INTRODUCTION_MS;
  while (performance.now() < endsAt) {
    const models = await (await fetch(`${edgeUrl}/v1/models`, { headers })).text();
    if (models.includes('"id"')) return;
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_INTERVAL_MS));
  }
  throw new Error("The edge has heard of no node.");
}

async function soak(
  edgeUrl: string,
  account: BenchAccount,
  watched: readonly Watched[],
  minutes: number,
  report: BenchReport,
): Promise<void> {
  const memory = watchMemory(watched, report);
  const endsAt = performance.now() + minutes * 60_000;
  const customers = Array.from({ length: IN_FLIGHT }, (_, seed) =>
    keepAsking(edgeUrl, account, seed, endsAt),
  );
  const counts = await Promise.all(customers);
  for (const [name, samples] of await memory.stop()) {
    const steady = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
    const [runs, figure] = [steady.length, `cancel_soak_${name}_memory`];
    report.add(`${figure}_slope`, { value: slope(steady), unit: "MiB/min", runs });
    report.add(figure, { value: Math.max(...steady.map(({ y }) => y)), unit: "MiB", runs });
  }
  for (const outcome of ["completed", "left", "failed"] as const) {
    const value = counts.reduce((sum, count) => sum + count[outcome], 0);
    report.add(`cancel_soak_${outcome}`, { value, unit: "requests", runs: 1 });
  }
  await account.checkSettled();
}

/** One customer: the next request when the last was answered or left. */
async function keepAsking(
  edgeUrl: string,
  { inferenceKey }: BenchAccount,
  seed: number,
  endsAt: number,
): Promise<Counts> {
  const random = createRandom(seed + 1);
  const counts: Counts = { completed: 0, left: 0, failed: 0 };
  while (performance.now() < endsAt) counts[await askOnce(edgeUrl, inferenceKey, random)] += 1;
  return counts;
}

async function askOnce(edgeUrl: string, key: string, random: () => number): Promise<keyof Counts> {
  const [path, begins] = ROADS[Math.floor(random() * ROADS.length)] ?? ROADS[0];
  const wish = { stream: random() < STREAMED_SHARE, seed: Math.floor(random() * 1e6) };
  const stayMs = random() < LEAVING_SHARE ? random() * MAX_STAY_MS : Number.POSITIVE_INFINITY;
  const controller = new AbortController();
  const timer = Number.isFinite(stayMs) ? setTimeout(() => controller.abort(), stayMs) : undefined;
  try {
    const response = await fetch(edgeUrl + path, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ ...begins, ...wish, tier: "quality" }),
      signal: controller.signal,
    });
    await response.text();
    return response.ok ? "completed" : "failed";
  } catch {
    return controller.signal.aborted ? "left" : "failed";
  } finally {
    clearTimeout(timer);
  }
}

function watchMemory(
  watched: readonly Watched[],
  report: BenchReport,
): { stop(): Promise<Map<string, PlotPoint[]>> } {
  const samples = new Map<string, PlotPoint[]>(watched.map(({ name }) => [name, []]));
  const startedAt = performance.now();
  let toldAt = startedAt;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_INTERVAL_MS));
      const now = performance.now();
      const told: string[] = [];
      for (const { name, processId } of watched) {
        const memory = await readMemory(processId);
        samples.get(name)?.push({ x: (now - startedAt) / 60_000, y: memory });
        told.push(`${name} ${memory.toFixed(0)} MiB`);
      }
      if (now - toldAt < TELL_INTERVAL_MS) continue;
      toldAt = now;
      report.tell(`${((now - startedAt) / 60_000).toFixed(1)} min: ${told.join(", ")}`);
    }
  })();
  // Whoever stops it is told; nobody need.
  watching.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      await watching;
      return samples;
    },
  };
}

/** Resident, MiB. */
async function readMemory(processId: number): Promise<number> {
  const status = await readFile(`/proc/${processId}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / KIB_PER_MIB;
}
