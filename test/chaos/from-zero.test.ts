/** Requests while there is no node: none is refused, and all are served when one has started. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { type ChaosCluster, startChaosCluster } from "./chaos-cluster.ts";
import { createRequest, type HeardAnswer, hear, runAll } from "./streamed-request.ts";

const REQUEST_COUNT = 6;

let cluster: ChaosCluster;
let undisturbed: HeardAnswer[];
const ask = () =>
  runAll(REQUEST_COUNT, REQUEST_COUNT, (index) =>
    hear(cluster, createRequest(index, REQUEST_COUNT)),
  );
beforeAll(async () => {
  cluster = await startChaosCluster(1, { NODE_WAIT_MS: "170000" });
  undisturbed = await ask();
});
afterAll(() => cluster?.stop());

describe("a pool without a node", () => {
  it("keeps what comes, calls for a node, and serves all of it", async ({
    expect,
    onTestFailed,
  }) => {
    const [node] = cluster.nodes;
    onTestFailed(() => void process.stderr.write(node?.log.slice(-4_000) ?? ""));
    await node?.end("SIGTERM");
    const { readScaling } = cluster;
    const readReady = async () => (await readScaling()).ready_nodes;
    await expect.poll(readReady, { timeout: 30_000 }).toBe(0);

    let endedCount = 0;
    const asked = ask().finally(() => {
      endedCount = REQUEST_COUNT;
    });
    const readWaiting = async () => (await readScaling()).waiting_requests;
    await expect.poll(readWaiting, { timeout: 60_000 }).toBe(REQUEST_COUNT);
    expect((await readScaling()).desired_nodes).toBeGreaterThanOrEqual(1);
    expect(endedCount).toBe(0);

    await node?.start();
    const answers = await asked;
    for (const [index, { text, usage, isWhole, error }] of answers.entries()) {
      const whole = undisturbed[index];
      expect({ text, usage, isWhole, error }).toEqual({
        text: whole?.text,
        usage: whole?.usage,
        isWhole: true,
        error: null,
      });
    }
  });
});
