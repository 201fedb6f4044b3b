import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { type NodeFrame, nodeModelSchema } from "../../../shared/contracts/node-wire.ts";
import { signToken } from "../../../shared/contracts/signed-token.ts";
import { writeCheckpoint } from "../../support/write-checkpoint.ts";
import { collect, postGeneration, readFrames, SECRET } from "./server/test-node.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const MAIN = join(ROOT, "gpu-backend", "main.ts");
/** Several starts of a node, also on a machine that is busy. */
const TIMEOUT_MS = 120_000;

let checkpoint: string;
const children: ChildProcess[] = [];

/** A random network under the tokenizer of the fixtures. */
beforeAll(async () => {
  checkpoint = await mkdtemp(join(tmpdir(), "unmask-main-"));
  const config = {
    vocab_size: 284,
    embedding_size: 288,
    mask_token_id: 280,
    eos_token_id: 279,
    pad_token_id: 279,
    max_sequence_length: 256,
  };
  writeCheckpoint(checkpoint, { config });
  await cp(join(ROOT, "test", "fixtures", "tokenizer"), checkpoint, { recursive: true });
});
afterAll(() => rm(checkpoint, { recursive: true }));
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

interface StartedProcess {
  readonly child: ChildProcess;
  /** First line of standard output; rejects when the process ends without one. */
  readonly firstLine: Promise<string>;
  readonly errors: Record<string, unknown>[];
  readonly exitCode: Promise<number | null>;
}

function start(environment: Record<string, string>): StartedProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env["PATH"], UNMASK_GRANT_SECRET: SECRET, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const errors: Record<string, unknown>[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(JSON.parse(line)));
  const exitCode = once(child, "close").then(([code]) => code);
  const firstLine = Promise.race([
    once(createInterface({ input: child.stdout }), "line").then(([line]) => String(line)),
    exitCode.then((code) => Promise.reject(new Error(`exit ${code}: ${JSON.stringify(errors)}`))),
  ]);
  firstLine.catch(() => undefined);
  return { child, firstLine, errors, exitCode };
}

async function startListening(environment: Record<string, string> = {}) {
  const started = start({ UNMASK_CHECKPOINT: checkpoint, UNMASK_MODEL_ID: "tiny", ...environment });
  const { event, url, model } = JSON.parse(await started.firstLine);
  return { ...started, event, url, model };
}

/** The system's clock: this node has no other. */
async function generate(
  url: string,
  id: string,
  parameters: Record<string, unknown>,
  resumeFrom?: string,
) {
  const terms = { request_id: id, max_steps: 8_192, expires_at: Date.now() + 60_000 };
  const input = { type: "text", text: "hello" };
  const body = { request_id: id, input, parameters, resume_from: resumeFrom };
  return postGeneration({ url }, body, { grant: await signToken(terms, SECRET) });
}

/** Reads on to the first step: what has had none is handed back at once by a drain. */
async function untilStep(frames: AsyncGenerator<NodeFrame, void, void>) {
  for (let next = await frames.next(); !next.done; next = await frames.next()) {
    if (next.value.type === "step") return next.value;
  }
  throw new Error("it had no step");
}

describe("a node process", () => {
  it("says where it listens and what it serves, generates, and ends with code 0 on SIGTERM", {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const node = await startListening();
    expect(node.event).toBe("listening");
    expect(nodeModelSchema.parse(node.model)).toMatchObject({
      id: "tiny",
      max_length: 256,
      vocabulary_size: 284,
      weights_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await (await fetch(`${node.url}/model`)).json()).toEqual(node.model);
    const frames = await collect(readFrames(await generate(node.url, "a", { max_tokens: 16 })));
    expect(frames.at(-1)).toMatchObject({ type: "done", receipt: { steps: 8 } });
    node.child.kill("SIGTERM");
    expect(await node.exitCode).toBe(0);
    const finished = node.errors.find((line) => line["event"] === "generation_finished");
    expect(finished).toMatchObject({ request_id: "a", outcome: "completed", level: "info" });
    expect(JSON.stringify(node.errors)).not.toContain("hello");
  });

  it("ends its last block before it ends itself", { timeout: TIMEOUT_MS }, async ({ expect }) => {
    const node = await startListening({ UNMASK_DRAIN_MS: "60000" });
    const oneBlock = { max_tokens: 200, steps: 200, block_length: 200 };
    const frames = readFrames(await generate(node.url, "a", oneBlock));
    await untilStep(frames);
    node.child.kill("SIGINT");
    expect((await collect(frames)).at(-1)).toMatchObject({ type: "done" });
    expect(await node.exitCode).toBe(0);
  });

  it("hands back what its drain has no time for, and another goes on to the same text", {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const parameters = { max_tokens: 200, steps: 200, block_length: 200, seed: 5 };
    const drained = await startListening({ UNMASK_DRAIN_MS: "0" });
    const other = await startListening();
    const frames = readFrames(await generate(drained.url, "a", parameters));
    const told = [await untilStep(frames)];
    drained.child.kill("SIGTERM");
    const rest = await collect(frames);
    expect(await drained.exitCode).toBe(0);
    expect(rest.at(-1)).toMatchObject({ type: "error", code: "no_ready_node" });
    told.push(...rest.filter((frame) => frame.type === "step"));
    const resumed = await generate(other.url, "a", parameters, told.at(-1)?.state);
    const whole = await generate(other.url, "b", parameters);
    const [end, undisturbed] = await Promise.all(
      [resumed, whole].map(async (response) => (await collect(readFrames(response))).at(-1)),
    );
    if (end?.type !== "done" || undisturbed?.type !== "done") throw new Error("no answer");
    expect(end.text).toBe(undisturbed.text);
    expect({ ...end.receipt, request_id: "b" }).toEqual(undisturbed.receipt);
  });

  it("ends when its parent is another than it was told", {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const node = await startListening({ UNMASK_PARENT_PID: "1" }).catch(() => null);
    expect(await (node?.exitCode ?? 0)).toBe(0);
  });
});

describe("a node process that cannot start", () => {
  it("says why in one line and ends with code 2", { timeout: TIMEOUT_MS }, async ({ expect }) => {
    const taken = await startListening();
    const cases: [Record<string, string>, string][] = [
      [{ UNMASK_GRANT_SECRET: "" }, "missing_parameter"],
      [{ UNMASK_NODE_PORT: "x" }, "invalid_parameter"],
      [{ UNMASK_CHECKPOINT: join(checkpoint, "nothing") }, "checkpoint_not_found"],
      [{ UNMASK_CHECKPOINT: checkpoint, UNMASK_NODE_PORT: new URL(taken.url).port }, "EADDRINUSE"],
    ];
    const refused = cases.map(([environment, code]) => ({ ...start(environment), code }));
    for (const { exitCode, errors, code } of refused) {
      expect(await exitCode).toBe(2);
      expect(errors).toEqual([
        expect.objectContaining({ event: "not_started", level: "error", code }),
      ]);
    }
  });
});
