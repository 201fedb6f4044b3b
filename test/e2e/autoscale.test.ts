/** Nodes that come and go on one machine by the number that is wanted: real processes, the real edge. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type Demo, ensureDemoKeys } from "../../deploy/local/demo-keys.ts";
import { type EdgeRuntime, startEdgeRuntime } from "../../deploy/local/edge-runtime.ts";
import { type LocalNodes, startLocalNodes } from "../../deploy/local/local-nodes.ts";
import { createSecrets } from "../../deploy/local/local-stack.ts";
import { findFreePort } from "../../deploy/local/node-process.ts";
import { chatCompletionSchema } from "../../shared/contracts/openai-answers.ts";
import { createStateDirectory, startTestStack, type TestStack } from "../support/test-stack.ts";

/** Longer than nodes take to come and go on a machine that is busy. */
const PATIENCE = { timeout: 240_000, interval: 200 };
/** None of these is to be refused because nodes take long to start. */
const EDGE_VARIABLES = { NODE_WAIT_MS: "240000" };
const TEST_TIMEOUT_MS = 300_000;

interface Asked {
  readonly status: number;
  readonly text: string;
  readonly steps: number;
}

/** May take 160 steps, by which nodes are counted, and takes one a block: a large load soon done. */
const LARGE_LOAD = { max_tokens: 160, tier: "quality", confidence_threshold: 0 };
/** Takes 32 steps. */
const STEADY_LOAD = { max_tokens: 64, steps: 32, temperature: 0.7 };

type Account = Pick<Demo, "base_url" | "api_key">;

/** Asks for a story, as JSON. */
async function ask(account: Account, load: object, seed: number): Promise<Asked> {
  const response = await fetch(`${account.base_url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${account.api_key}`, "content-type": "application/json" },
    body: JSON.stringify({
      messages: [{ role: "user", content: "Tell me a story about a cat." }],
      seed,
      ...load,
    }),
  });
  const body = await response.text();
  if (!response.ok) return { status: response.status, text: body, steps: 0 };
  const { choices, usage } = chatCompletionSchema.parse(JSON.parse(body));
  return { status: 200, text: choices[0]?.message.content ?? "", steps: usage.steps };
}

describe("nodes from zero to two, as many as the edge asks for", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack(
      { UNMASK_THREADS: "1" },
      { nodes: { min: 0, max: 2 }, edgeVariables: EDGE_VARIABLES },
    );
  }, TEST_TIMEOUT_MS);
  afterAll(() => stack?.stop());

  it("go where there is no work, and come back for requests, which wait for them", {
    timeout: TEST_TIMEOUT_MS,
  }, async ({ expect }) => {
    // The one that has shown the edge its model is not wanted any more.
    await expect.poll(() => stack.listNodes().length, PATIENCE).toBe(0);
    expect(stack.log()).not.toContain("node_killed");
    const seeds = [1, 2, 3, 4, 5, 6];
    const answers = Promise.all(seeds.map((seed) => ask(stack.demo, LARGE_LOAD, seed)));
    // They wait with more work than a node that nobody has measured is taken to do in time.
    await expect.poll(() => stack.listNodes().length, PATIENCE).toBe(2);
    for (const answer of await answers) expect(answer.status, answer.text).toBe(200);
    expect(stack.log()).not.toContain("node_lost");
  });
});

describe("nodes by a number that rises and falls", () => {
  let directory: string;
  let edge: EdgeRuntime;
  let nodes: LocalNodes;
  let demo: Demo;
  let wanted = 1;
  let log = "";

  beforeAll(async () => {
    directory = await createStateDirectory();
    const secrets = createSecrets();
    const port = await findFreePort();
    nodes = startLocalNodes({
      bounds: { min: 0, max: 4 },
      readDesired: async () => wanted,
      edgeUrl: `http://127.0.0.1:${port}`,
      grantSecret: secrets.GRANT_SECRET,
      directory,
      // A node that is to go hands back what it runs at once.
      environment: { UNMASK_THREADS: "1", UNMASK_DRAIN_MS: "0" },
      writeLog: (text) => {
        log += text;
      },
    });
    edge = await startEdgeRuntime({
      port,
      bundleDirectory: join(directory, "edge"),
      stateDirectory: join(directory, "state"),
      bindings: { ...secrets, ...EDGE_VARIABLES },
    });
    await untilListening(1);
    const file = join(directory, "demo.json");
    demo = await ensureDemoKeys(edge.url, secrets.OPERATOR_SECRET, file);
  }, TEST_TIMEOUT_MS);
  afterAll(async () => {
    await Promise.all([nodes?.stop(), edge?.stop()]);
    await rm(directory, { recursive: true, force: true });
  });

  const countListening = () => nodes.list().filter(({ url }) => url !== null).length;
  async function untilListening(count: number): Promise<void> {
    while (countListening() < count) await new Promise((resolve) => setTimeout(resolve, 200));
  }

  it("serve every request, the same text as when nothing changes", {
    timeout: TEST_TIMEOUT_MS,
  }, async ({ expect }) => {
    const seeds = [1, 2, 3];
    // The edge may not have heard of the node yet; from then on requests wait where there is none.
    await expect.poll(async () => (await ask(demo, STEADY_LOAD, 0)).status, PATIENCE).toBe(200);
    const undisturbed = await Promise.all(seeds.map((seed) => ask(demo, STEADY_LOAD, seed)));
    expect(new Set(undisturbed.map(({ text }) => text)).size).toBe(seeds.length);

    let isOver = false;
    const answers: Asked[][] = [];
    const load = Promise.all(
      seeds.map(async (seed, index) => {
        const heard: Asked[] = [];
        answers[index] = heard;
        while (!isOver) heard.push(await ask(demo, STEADY_LOAD, seed));
      }),
    );
    wanted = 4;
    await expect.poll(countListening, PATIENCE).toBe(4);
    wanted = 1;
    await expect.poll(() => nodes.list().length, PATIENCE).toBe(1);
    isOver = true;
    await load;
    wanted = 0;
    await expect.poll(() => nodes.list().length, PATIENCE).toBe(0);

    for (const [index, heard] of answers.entries()) {
      expect(heard.length).toBeGreaterThan(0);
      for (const answer of heard) expect(answer).toEqual(undisturbed[index]);
    }
    expect(log).not.toContain("node_lost");
  });
});
