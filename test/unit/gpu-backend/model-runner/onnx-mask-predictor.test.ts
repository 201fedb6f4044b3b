import { Worker } from "node:worker_threads";
import { afterEach, describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { OnnxMaskPredictor } from "../../../../gpu-backend/model-runner/onnx-mask-predictor.ts";

const LIMITS = { maxLength: 8, tokenIdCount: 3 };
const BATCH: CanvasBatch = {
  rowCount: 1,
  length: 2,
  tokenIds: Int32Array.of(1, 2),
  attended: Uint8Array.of(1, 1),
  candidateIndexes: Int32Array.of(0),
};

let opened: OnnxMaskPredictor | null = null;

/** A predictor whose thread answers with `answer(request)` in place of the session's. */
function start(answer: string, atStart = ""): OnnxMaskPredictor {
  const source = `
    const { parentPort } = require("node:worker_threads");
    const logits = (id, first) => ({
      kind: "answer",
      id,
      answer: { logits: Float32Array.of(first, 0, 0), choices: null },
    });
    let count = 0;
    const answer = ${answer};
    parentPort.on("message", (request) => {
      if (request.kind === "close") process.exit(0);
      const reply = answer(request);
      if (reply) parentPort.postMessage(reply);
    });
    ${atStart}`;
  opened = new OnnxMaskPredictor(new Worker(source, { eval: true, stderr: true }), LIMITS);
  return opened;
}

afterEach(() => opened?.close());

describe("OnnxMaskPredictor", () => {
  it("gives each call its own answer", async ({ expect }) => {
    const predictor = start("({ id, batch }) => logits(id, batch.tokenIds[0])");
    const calls = [0, 1, 2].map((id) =>
      predictor.predict({ ...BATCH, tokenIds: Int32Array.of(id, 0) }),
    );
    const answers = await Promise.all(calls);
    expect(answers.map(({ logits }) => logits[0])).toEqual([0, 1, 2]);
  });

  it("leaves the caller's arrays in place", async ({ expect }) => {
    const predictor = start("({ id }) => logits(id, 7)");
    await predictor.predict(BATCH);
    expect([...BATCH.tokenIds, ...BATCH.attended, ...BATCH.candidateIndexes]).toEqual([
      1, 2, 1, 1, 0,
    ]);
  });

  it("rejects one failed pass and stays usable", async ({ expect }) => {
    const predictor = start(
      `({ id }) =>
        count++ === 0 ? { kind: "predict-failed", id, message: "It failed." } : logits(id, 7)`,
    );
    await expect(predictor.predict(BATCH)).rejects.toMatchObject({
      code: "session_failed",
      message: "It failed.",
    });
    expect((await predictor.predict(BATCH)).logits.length).toBe(3);
  });

  it.for([
    ["throws", '() => { throw new Error("secret"); }'],
    ["ends", "() => process.exit(1)"],
  ] as const)(
    "rejects every pending and later call when the thread %s",
    async ([, source], { expect }) => {
      const predictor = start(source);
      const calls = [predictor.predict(BATCH), predictor.predict(BATCH)];
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "session_failed" } });
      }
      const later = await predictor.predict(BATCH).catch((error: Error) => error);
      expect(later).toMatchObject({ code: "session_failed" });
      expect(String(later)).not.toContain("secret");
    },
  );

  it("rejects pending calls on close, and closes twice", async ({ expect }) => {
    const predictor = start("() => undefined");
    const call = predictor.predict(BATCH).catch((error: Error) => error);
    await predictor.close();
    await predictor.close();
    expect(await call).toMatchObject({ code: "session_failed" });
    await expect(predictor.predict(BATCH)).rejects.toMatchObject({ code: "session_failed" });
  });

  it("rejects ready() with the thread's sentence when the network cannot be loaded", async ({
    expect,
  }) => {
    const predictor = start(
      "() => undefined",
      'parentPort.postMessage({ kind: "load-failed", message: "No such provider.", cause: "why" });',
    );
    await expect(predictor.ready()).rejects.toMatchObject({
      code: "session_failed",
      message: "No such provider.",
      cause: "why",
    });
  });

  it("answers a batch without candidates by itself", async ({ expect }) => {
    const predictor = start("() => undefined");
    const batch = { ...BATCH, candidateIndexes: new Int32Array(0) };
    expect((await predictor.predict(batch)).logits.length).toBe(0);
  });

  it("refuses a batch that the network cannot take, before the thread sees it", async ({
    expect,
  }) => {
    const predictor = start("() => undefined");
    const batch = { ...BATCH, tokenIds: Int32Array.of(1, 3) };
    await expect(predictor.predict(batch)).rejects.toMatchObject({
      code: "invalid_parameter",
      param: "tokenIds",
    });
  });
});
