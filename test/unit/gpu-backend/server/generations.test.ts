import { afterEach, beforeEach, describe, it } from "vitest";
import { receiptSchema } from "../../../../shared/contracts/node-wire.ts";
import { verifyToken } from "../../../../shared/contracts/signed-token.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import { holdPredictor } from "../engine/engine-bench.ts";
import {
  bearGrant,
  collect,
  postGeneration,
  readError,
  readFrames,
  requestBody,
  SECRET,
  startTestNode,
  type TestNode,
} from "./test-node.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startTestNode();
});
afterEach(() => node.close());

describe("POST /generations", () => {
  it("streams queued, started, one frame a step and done with a signed receipt", async ({
    expect,
  }) => {
    const response = await postGeneration(node, requestBody("a"));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const frames = await collect(readFrames(response));
    expect(frames.map((frame) => (frame.type === "step" ? frame.step : frame.type))).toEqual([
      "queued",
      "started",
      1,
      2,
      3,
      4,
      "done",
    ]);
    expect(frames[0]).toEqual({ type: "queued", ahead: 0, wait_ms: 0 });
    expect(frames[1]).toEqual({
      type: "started",
      prompt_tokens: 5,
      generation_length: 8,
      steps: 4,
      block_length: 8,
    });
    const done = frames.at(-1);
    if (done?.type !== "done") throw new Error("it did not finish");
    const deltas = frames.flatMap((frame) => (frame.type === "step" ? [frame.text_delta] : []));
    expect(deltas.join("")).toBe(done.text);
    await expect
      .poll(() => node.posted)
      .toMatchObject([
        { requestId: "a", grant: expect.any(String), signed_receipt: done.signed_receipt },
      ]);
    expect(done.receipt).toMatchObject({
      request_id: "a",
      node_id: "node-1",
      outcome: "completed",
      prompt_tokens: 5,
      steps: 4,
      forward_passes: 4,
      step_units: 4,
    });
    expect(receiptSchema.parse(await verifyToken(done.signed_receipt, SECRET))).toEqual(
      done.receipt,
    );
  });

  it("takes half the tokens for steps and a block length that fits when none are named", async ({
    expect,
  }) => {
    const body = { ...requestBody("a"), parameters: { max_tokens: 64 } };
    const [, started] = await collect(readFrames(await postGeneration(node, body)));
    expect(started).toMatchObject({ steps: 32, block_length: 32 });
  });

  it("takes messages through the model's chat template", async ({ expect }) => {
    const input = { type: "messages", messages: [{ role: "user", content: "hi" }] };
    const [, started] = await collect(
      readFrames(await postGeneration(node, { ...requestBody("a"), input })),
    );
    expect(started).toMatchObject({ prompt_tokens: 6 });
  });

  it("gives the same text for the same request, alone or among others", async ({ expect }) => {
    const text = async (id: string, parameters: Record<string, unknown>) => {
      const response = await postGeneration(node, requestBody(id, parameters));
      const frames = await collect(readFrames(response));
      const done = frames.at(-1);
      return done?.type === "done" ? done.text : null;
    };
    const parameters = { temperature: 0.8, seed: 7, cfg_scale: 1, remasking: "random" };
    const alone = await text("alone", parameters);
    const together = await Promise.all([
      text("one", parameters),
      text("two", { seed: 8, temperature: 1 }),
      text("three", { max_tokens: 40 }),
      text("four", parameters),
    ]);
    expect([together[0], together[3]]).toEqual([alone, alone]);
  });

  it("keeps prompts and texts out of the log", async ({ expect }) => {
    await collect(readFrames(await postGeneration(node, requestBody("a"))));
    expect(node.logger.lines).toContainEqual(
      expect.objectContaining({ event: "generation_finished", request_id: "a", steps: 4 }),
    );
    expect(JSON.stringify(node.logger.lines)).not.toContain("hello");
  });
});

describe("a failure after the stream began", () => {
  it("is an error frame, with a receipt for the steps before it", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const failing = await startTestNode({ predictor });
    try {
      const frames = readFrames(await postGeneration(failing, requestBody("a")));
      await predictor.underWay();
      predictor.release();
      await predictor.underWay();
      predictor.release(new Error("a message of the runtime"));
      const last = (await collect(frames)).at(-1);
      if (last?.type !== "error") throw new Error("it did not fail");
      expect(last).toMatchObject({ code: "session_failed", param: null });
      expect(last.message).not.toContain("runtime");
      expect(await verifyToken(last.signed_receipt ?? "", SECRET)).toMatchObject({
        outcome: "failed",
        steps: 1,
      });
    } finally {
      await failing.close();
    }
  });
});

describe("a node without room", () => {
  it("refuses with the time to wait, and accepts the same grant later", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const full = await startTestNode({ predictor, maxBatchRows: 1, maxQueue: 0 });
    try {
      const running = await postGeneration(full, requestBody("a", { steps: 1 }));
      await predictor.underWay();
      const grant = await bearGrant({ request_id: "b" });
      const refused = await postGeneration(full, requestBody("b", { steps: 1 }), { grant });
      expect(refused.status).toBe(429);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect(await readError(refused)).toMatchObject({
        code: "overloaded",
        type: "rate_limit_error",
      });
      predictor.release();
      await collect(readFrames(running));
      const accepted = await postGeneration(full, requestBody("b", { steps: 1 }), { grant });
      expect(accepted.status).toBe(200);
      await predictor.underWay();
      predictor.release();
      await collect(readFrames(accepted));
    } finally {
      await full.close();
    }
  });
});
