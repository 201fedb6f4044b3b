/**
 * Requests over nodes that are killed, stopped, drained and started again: each completes with the text
 * of a run that nothing disturbed, and is charged what that run costs, once.
 *
 * A short run each time; `npm run test:chaos` is the long one. Nothing here is timed but what the long
 * run tells.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type ChaosCluster, startChaosCluster } from "./chaos-cluster.ts";
import type { ChaosNode } from "./chaos-node.ts";
import { createRequest, type HeardAnswer, hear, runAll, runWhile } from "./streamed-request.ts";

const REQUEST_COUNT = Number(process.env["UNMASK_CHAOS_REQUESTS"] ?? 16);
const IS_LONG = REQUEST_COUNT >= 100;
const KIND_COUNT = IS_LONG ? 12 : 6;
const AT_ONCE = IS_LONG ? 8 : 4;
/** Pause between two faults. */
const FAULT_INTERVAL_MS = IS_LONG ? 3_000 : 1_500;
/** Longer than the edge hears nothing before it gives a node up. */
const STOPPED_MS = 8_000;

let cluster: ChaosCluster;
let undisturbed: HeardAnswer[];
beforeAll(async () => {
  // A machine that is busy may have no node for a while: none of these is to be refused for that.
  cluster = await startChaosCluster(3, { NODE_WAIT_MS: "120000" });
  undisturbed = await runAll(KIND_COUNT, 3, (index) =>
    hear(cluster, createRequest(index, KIND_COUNT)),
  );
});
afterAll(() => cluster?.stop());

interface Fault {
  readonly name: string;
  /** Leaves the node as it was: there, and at work. */
  readonly befall: (node: ChaosNode) => Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: "killed",
    async befall(node) {
      await node.end("SIGKILL");
      await sleep(1_000);
      await node.start();
    },
  },
  {
    name: "stopped",
    async befall(node) {
      node.signal("SIGSTOP");
      await sleep(STOPPED_MS);
      node.signal("SIGCONT");
    },
  },
  {
    name: "drained",
    async befall(node) {
      await node.end("SIGTERM");
      await node.start();
    },
  },
  {
    name: "started again",
    async befall(node) {
      await node.end("SIGKILL");
      await node.start();
    },
  },
];

/**
 * Has one fault after another befall nodes in turn, one at a time, until it is told to end; each kind
 * at least once before it may.
 */
class Disturbance {
  readonly counts: Record<string, number> = {};
  readonly #cluster: ChaosCluster;
  readonly #looping: Promise<void>;
  #isEnded = false;
  #failure: unknown = null;

  constructor(cluster: ChaosCluster) {
    this.#cluster = cluster;
    this.#looping = this.#loop().catch((thrown: unknown) => {
      this.#failure = thrown;
    });
  }

  /** True once every kind of fault has been, or the next one cannot be. */
  get mayEnd(): boolean {
    return this.#failure !== null || Object.keys(this.counts).length === FAULTS.length;
  }

  /** Waits until the last fault is mended. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#looping;
    if (this.#failure !== null) throw this.#failure;
  }

  async #loop(): Promise<void> {
    const { nodes, untilReady } = this.#cluster;
    for (let turn = 0; !this.#isEnded; turn += 1) {
      await sleep(FAULT_INTERVAL_MS);
      const node = nodes[turn % nodes.length];
      const fault = FAULTS[turn % FAULTS.length];
      if (node === undefined || fault === undefined || this.#isEnded) return;
      await fault.befall(node);
      // A machine that is slow to start a node is not to be left without any.
      await untilReady(nodes.length);
      this.counts[fault.name] = (this.counts[fault.name] ?? 0) + 1;
    }
  }
}

describe("requests over nodes that come and go", () => {
  it("complete with the undisturbed text, each step charged once", async ({ expect }) => {
    const startedAt = performance.now();
    const before = await cluster.readMoney();
    const disturbance = new Disturbance(cluster);
    const answers = await runWhile(
      (index) => index < REQUEST_COUNT || !disturbance.mayEnd,
      AT_ONCE,
      (index) => hear(cluster, createRequest(index, KIND_COUNT)),
    );
    await disturbance.end();
    await expect.poll(async () => (await cluster.readMoney()).held, { timeout: 90_000 }).toBe(0);
    const after = await cluster.readMoney();
    if (IS_LONG) {
      const minutes = (performance.now() - startedAt) / 60_000;
      tell({ faults: disturbance.counts, ...tally(answers), minutes: minutes.toFixed(1) });
      tell({ chargedMicroDollars: before.balance - after.balance });
    }
    for (const [index, answer] of answers.entries()) {
      const whole = undisturbed[index % KIND_COUNT];
      expect(answer).toMatchObject({ error: null, isWhole: true, text: whole?.text });
      // Cost and steps too: what was executed twice was charged once.
      expect(answer.usage).toEqual(whole?.usage);
    }
    const charged = new Map(after.charges.map(({ reference, amount }) => [reference, -amount]));
    expect(charged.size).toBe(after.charges.length);
    for (const { id, usage } of answers) expect(charged.get(id ?? "")).toBe(usage?.cost);
    expect(before.balance - after.balance).toBe(sumOf(answers, "cost"));
  });
});

/** What the long form tells. */
function tally(answers: readonly HeardAnswer[]) {
  const isOther = ({ text, isWhole }: HeardAnswer, index: number) =>
    !isWhole || text !== undisturbed[index % KIND_COUNT]?.text;
  const expected = answers.map((_, index) => undisturbed[index % KIND_COUNT]);
  return {
    requests: answers.length,
    mismatches: answers.filter(isOther).length,
    stepsDelivered: sumOf(answers, "steps"),
    stepsUndisturbed: sumOf(expected, "steps"),
    costDelivered: sumOf(answers, "cost"),
  };
}

function sumOf(answers: readonly (HeardAnswer | undefined)[], field: "cost" | "steps"): number {
  return answers.reduce((sum, answer) => sum + (answer?.usage?.[field] ?? 0), 0);
}

function tell(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
