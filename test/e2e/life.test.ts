/** What happens to the product when clients leave, nodes die and the operator stops it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { createStateDirectory, startTestStack, type TestStack } from "../support/test-stack.ts";

const root = join(import.meta.dirname, "..", "..");

describe("a node at work", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack();
  });
  afterAll(() => stack?.stop());

  const generate = (signal?: AbortSignal, maxTokens = 160) =>
    fetch(`${stack.demo.base_url}/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${stack.demo.api_key}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        messages: [{ role: "user", content: "Tell me a story." }],
        max_tokens: maxTokens,
        steps: maxTokens,
        stream: true,
      }),
      ...(signal === undefined ? {} : { signal }),
    });

  const countCancelled = () => stack.log().split('"outcome":"cancelled"').length - 1;

  it("answers /healthz within 50 ms while forward passes run", async ({ expect }) => {
    const controller = new AbortController();
    const responses = await Promise.all([1, 2, 3].map(() => generate(controller.signal)));
    const durations: number[] = [];
    for (let i = 0; i < 30; i++) {
      const startedAt = performance.now();
      expect((await fetch(`${stack.node.url}/healthz`)).status).toBe(200);
      durations.push(performance.now() - startedAt);
    }
    controller.abort();
    await expect.poll(countCancelled, { timeout: 10_000 }).toBe(3);
    expect(responses.map((response) => response.status)).toEqual([200, 200, 200]);
    // The median: a busy machine may hold any single answer back, a blocked event loop all of them.
    durations.sort((a, b) => a - b);
    expect(durations[15]).toBeLessThan(50);
  });

  it("stops at the next step when its client leaves", async ({ expect }) => {
    const controller = new AbortController();
    const response = await generate(controller.signal);
    const reader = response.body?.getReader();
    await reader?.read();
    const before = countCancelled();
    controller.abort();
    await expect.poll(countCancelled, { timeout: 10_000 }).toBe(before + 1);
  });

  it("is paid the steps that it executed for a client that left", async ({ expect }) => {
    const readLedger = async () => {
      const response = await fetch(`${stack.demo.base_url}/ledger?limit=1`, {
        headers: { authorization: `Bearer ${stack.demo.management_key}` },
      });
      return ledgerPageSchema.parse(await response.json());
    };
    const controller = new AbortController();
    const response = await generate(controller.signal);
    const id = response.headers.get("x-generation-id") ?? "none";
    await response.body?.getReader().read();
    controller.abort();
    const findReceipt = () =>
      stack
        .log()
        .split("\n")
        .find((line) => line.includes(id));
    await expect.poll(findReceipt, { timeout: 10_000 }).toBeDefined();
    const { step_units: stepUnits } = JSON.parse(findReceipt() ?? "{}");
    await expect.poll(async () => (await readLedger()).held, { timeout: 10_000 }).toBe(0);
    const { data } = await readLedger();
    // The demo account's plan pays 16 micro-dollars for a step unit of `quality`.
    expect(data).toMatchObject([{ kind: "charge", reference: id, amount: -16 * stepUnits }]);
  });

  it("is started again when it is killed, and the next request is served", async ({ expect }) => {
    const processId = stack.node.processId();
    process.kill(processId ?? 0, "SIGKILL");
    // It waits while there is no node, and is served when there is one.
    expect(await (await generate(undefined, 8)).text()).toMatch(/\[DONE\]\s*$/);
    expect(stack.node.processId()).not.toBe(processId);
  });
});

// Bundler, runtime and node start for each: patience on a busy machine.
describe("npm start", { timeout: 180_000 }, () => {
  // Ctrl-C reaches every process of the terminal's group; a supervisor's signal reaches npm alone.
  it.for([
    ["Ctrl-C", "SIGINT", "group"],
    ["SIGTERM to npm", "SIGTERM", "npm"],
    ["SIGINT to npm", "SIGINT", "npm"],
    ["SIGKILL to npm", "SIGKILL", "npm"],
  ] as const)("leaves no process behind after %s", async ([, signal, target], { expect }) => {
    const directory = await createStateDirectory();
    const npm = spawn("npm", ["start", "--", "--port", "0", "--directory", directory], {
      cwd: root,
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    try {
      await untilPrinted(npm, "curl");
      const demo = JSON.parse(await readFile(join(directory, "demo.json"), "utf8"));
      expect(demo.base_url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
      const family = descendants(npm.pid ?? 0);
      expect(family.length).toBeGreaterThanOrEqual(3);
      process.kill(target === "group" ? -(npm.pid ?? 0) : (npm.pid ?? 0), signal);
      await expect.poll(() => alive(family), { timeout: 20_000, interval: 200 }).toEqual([]);
    } finally {
      npm.kill("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    }
  });
});

async function untilPrinted(child: ChildProcess, text: string): Promise<void> {
  let printed = "";
  while (!printed.includes(text)) {
    const [chunk] = await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
    printed += String(chunk);
  }
}

/** Process ids below `parentId`, at any depth, itself included. */
function descendants(parentId: number): number[] {
  const table = processTable();
  const found = [parentId];
  for (const ancestor of found) {
    found.push(...table.filter(({ parent }) => parent === ancestor).map(({ id }) => id));
  }
  return found;
}

/** A zombie that nobody has waited for is dead. */
function alive(processIds: readonly number[]): number[] {
  const running = new Set(processTable().map(({ id }) => id));
  return processIds.filter((id) => running.has(id));
}

function processTable(): { id: number; parent: number }[] {
  return execFileSync("ps", ["-e", "-o", "pid=,ppid=,stat="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state = ""]) => !state.startsWith("Z"))
    .map(([id, parent]) => ({ id: Number(id), parent: Number(parent) }));
}
