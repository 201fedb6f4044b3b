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
import { createRequest, type HeardAnswer, hear, runAll } from "./streamed-request.ts";

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

type Fault = (node: ChaosNode) => Promise<void>;

/** Each leaves the node as it was: there, and at work. */
const FAULTS: Readonly<Record<string, Fault>> = {
  async killed(node) {
    await node.end("SIGKILL");
    await sleep(1_000);
    await node.start();
  },
  async stopped(node) {
    node.signal("SIGSTOP");
    await sleep(STOPPED_MS);
    node.signal("SIGCONT");
  },
  async drained(node) {
    await node.end("SIGTERM");
    await node.start();
  },
  async "started again"(node) {
    await node.end("SIGKILL");
    await node.start();
  },
};

/** Has one fault after another befall nodes in turn, one at a time, until it is told to end. */
function disturb({ nodes, untilReady }: ChaosCluster) {
  const names = Object.keys(FAULTS);
  const counts: Record<string, number> = {};
  let isEnded = false;
  const loop = async () => {
    for (let turn = 0; !isEnded; turn += 1) {
      await sleep(FAULT_INTERVAL_MS);
      const node = nodes[turn % nodes.length];
      const name = names[turn % names.length] ?? "";
      if (node !== undefined) await FAULTS[name]?.(node);
      counts[name] = (counts[name] ?? 0) + 1;
      // A machine that is slow to start a node is not to be left without any.
      await untilReady(nodes.length);
    }
  };
  const looping = loop();
  return {
    counts,
    async end() {
      isEnded = true;
      await looping;
    },
  };
}

describe("requests over nodes that come and go", () => {
  it("complete with the undisturbed text, each step charged once", async ({ expect }) => {
    const before = await cluster.readMoney();
    const disturbance = disturb(cluster);
    const answers = await runAll(REQUEST_COUNT, AT_ONCE, (index) =>
      hear(cluster, createRequest(index, KIND_COUNT)),
    );
    await disturbance.end();
    for (const [index, answer] of answers.entries()) {
      const whole = undisturbed[index % KIND_COUNT];
      expect(answer).toMatchObject({ error: null, isWhole: true, text: whole?.text });
      // Cost and steps too: what was executed twice was charged once.
      expect(answer.usage).toEqual(whole?.usage);
    }
    await expect.poll(async () => (await cluster.readMoney()).held, { timeout: 90_000 }).toBe(0);
    const after = await cluster.readMoney();
    const cost = answers.reduce((sum, { usage }) => sum + (usage?.cost ?? 0), 0);
    const charged = new Map(after.charges.map(({ reference, amount }) => [reference, -amount]));
    expect(charged.size).toBe(after.charges.length);
    for (const { id, usage } of answers) expect(charged.get(id ?? "")).toBe(usage?.cost);
    expect(before.balance - after.balance).toBe(cost);
    if (IS_LONG) tell({ faults: disturbance.counts, requests: REQUEST_COUNT });
  });
});

function tell(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
