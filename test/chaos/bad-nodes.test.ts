/**
 * One dead, one hanging and one slow node among four: every request is answered, and right.
 *
 * How long requests take is told by the long form alone, with the fourth node alone as the measure.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type ChaosCluster, startChaosCluster } from "./chaos-cluster.ts";
import type { ChaosNode } from "./chaos-node.ts";
import { createRequest, type HeardAnswer, hear, runAll } from "./streamed-request.ts";

const IS_LONG = Number(process.env["UNMASK_CHAOS_REQUESTS"] ?? 0) >= 100;
const REQUEST_COUNT = IS_LONG ? 100 : 12;
const KIND_COUNT = 6;
const AT_ONCE = 2;
/** Of each turn the slow node has the first at work and the second stopped, milliseconds. */
const SLOW_TURN_MS = [20, 80] as const;

let cluster: ChaosCluster;
beforeAll(async () => {
  cluster = await startChaosCluster(4, { NODE_WAIT_MS: "120000" });
});
afterAll(() => cluster?.stop());

const ask = (count: number) =>
  runAll(count, AT_ONCE, (index) => hear(cluster, createRequest(index, KIND_COUNT)));

/** Has a process run for a fifth of the time; the function returned ends it. */
function slowDown(node: ChaosNode): () => Promise<void> {
  let isEnded = false;
  const loop = async () => {
    while (!isEnded) {
      await sleep(SLOW_TURN_MS[0]);
      node.signal("SIGSTOP");
      await sleep(SLOW_TURN_MS[1]);
      node.signal("SIGCONT");
    }
  };
  const looping = loop();
  return async () => {
    isEnded = true;
    await looping;
  };
}

/** Milliseconds that a request in a hundred takes longer than. */
function percentile99(answers: readonly HeardAnswer[]): number {
  const sorted = answers.map(({ elapsedMs }) => elapsedMs).sort((a, b) => a - b);
  return Math.round(sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0);
}

describe("one dead, one hanging and one slow node among four", () => {
  it("leave every request with its text and its price", async ({ expect }) => {
    const [dead, hanging, slow] = cluster.nodes;
    if (dead === undefined || hanging === undefined || slow === undefined) {
      throw new Error("too few nodes");
    }
    const undisturbed = await ask(IS_LONG ? REQUEST_COUNT : KIND_COUNT);
    const asked = ask(REQUEST_COUNT);
    // All three while the edge counts on them.
    const speedUp = slowDown(slow);
    hanging.signal("SIGSTOP");
    await dead.end("SIGKILL");
    const answers = await asked;
    hanging.signal("SIGCONT");
    await speedUp();
    for (const [index, { text, usage, isWhole, error }] of answers.entries()) {
      const whole = undisturbed[index % KIND_COUNT];
      expect({ text, usage, isWhole, error }).toEqual({
        text: whole?.text,
        usage: whole?.usage,
        isWhole: true,
        error: null,
      });
    }
    if (!IS_LONG) return;
    const touched = `${hanging.log}${slow.log}${dead.log}`;
    const others = answers.filter(({ id }) => !touched.includes(id ?? "none"));
    const alone = await askAlone([dead, hanging, slow]);
    const figures = {
      requests: answers.length,
      othersCount: others.length,
      p99OfAllMs: percentile99(answers),
      p99OfOthersMs: percentile99(others),
      p99WithoutThemMs: percentile99(alone),
    };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  });
});

/** The same requests at the fourth node, which is alone. */
async function askAlone(gone: readonly ChaosNode[]): Promise<HeardAnswer[]> {
  await Promise.all(gone.map((node) => node.end("SIGKILL")));
  while ((await cluster.readScaling()).ready_nodes > 1) await sleep(200);
  return await ask(REQUEST_COUNT);
}
