/** A node that is drained hands its generations back, and another goes on with them to the same ids. */
import { afterEach, beforeEach, describe, it } from "vitest";
import { type NodeFrame, receiptSchema } from "../../../../shared/contracts/node-wire.ts";
import { signToken, verifyToken } from "../../../../shared/contracts/signed-token.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import { type HeldPredictor, holdPredictor } from "../engine/engine-bench.ts";
import {
  bearGrant,
  collect,
  NOW,
  postGeneration,
  readError,
  readFrames,
  requestBody,
  SECRET,
  startTestNode,
  type TestNode,
} from "./test-node.ts";

type StepFrame = Extract<NodeFrame, { type: "step" }>;

let predictor: HeldPredictor;
/** The one that is drained; its passes end when a test lets them. */
let first: TestNode;
let inner: ReturnType<typeof createFakeMaskPredictor>;
let second: TestNode;
beforeEach(async () => {
  predictor = holdPredictor(createFakeMaskPredictor());
  inner = createFakeMaskPredictor();
  first = await startTestNode({ predictor, maxBatchRows: 1 });
  second = await startTestNode({ predictor: inner });
});
afterEach(async () => {
  first.engine.cancelAll();
  predictor.release();
  await Promise.all([first.close(), second.close()]);
});

async function postDrain(order: object = {}, secret = SECRET, node = first): Promise<Response> {
  const token = await signToken({ type: "drain", expires_at: NOW + 60_000, ...order }, secret);
  const headers = { authorization: `Bearer ${token}` };
  return await fetch(`${node.url}/drain`, { method: "POST", headers });
}

/** Lets every timer that is due by now run. */
function nextTimer(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}

/** All frames of the first node, each of whose passes is let end. */
async function collectReleasing(frames: AsyncIterable<NodeFrame>): Promise<NodeFrame[]> {
  const over = Promise.withResolvers<"over">();
  const releasing = async () => {
    while ((await Promise.race([predictor.underWay(), over.promise])) !== "over") {
      predictor.release();
    }
  };
  const all = releasing();
  const read = await collect(frames);
  over.resolve("over");
  await all;
  return read;
}

const stepsOf = (frames: readonly NodeFrame[]): StepFrame[] =>
  frames.filter((frame) => frame.type === "step");

/** Three blocks of four steps. */
const BLOCKS = { max_tokens: 24, steps: 12, block_length: 8, seed: 3 };
const WAYS: Readonly<Record<string, object>> = {
  greedy: {},
  sampled: { temperature: 0.9, remasking: "random" },
  guided: { cfg_scale: 1, temperature: 0.5 },
  cached: { cache: "dual" },
  revised: { revision_steps: 4 },
};

/** Drains the first node amid the first block and goes on at the second. */
async function handOver(body: ReturnType<typeof requestBody>) {
  const response = await postGeneration(first, body);
  await predictor.underWay();
  predictor.release();
  await predictor.underWay();
  const drained = await postDrain();
  const begun = await collectReleasing(readFrames(response));
  const state = stepsOf(begun).at(-1)?.state;
  const grant = await bearGrant({ request_id: body.request_id, attempt: 2 });
  const resumed = await postGeneration(second, { ...body, resume_from: state }, { grant });
  return { drained, begun, rest: await collect(readFrames(resumed)) };
}

describe("a generation whose node is drained", () => {
  it.for(Object.entries(WAYS))(
    "is handed back at the end of its block, and ends elsewhere as if nothing had been: %s",
    async ([, way], { expect }) => {
      const body = requestBody("a", { ...BLOCKS, ...way });
      const whole = await collect(readFrames(await postGeneration(second, body)));
      const { drained, begun, rest } = await handOver(body);
      expect(drained.status).toBe(202);
      const steps = stepsOf(begun);
      expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
      const error = begun.at(-1);
      if (error?.type !== "error") throw new Error("it was not handed back");
      expect(error.code).toBe("no_ready_node");
      const receipt = receiptSchema.parse(await verifyToken(error.signed_receipt ?? "", SECRET));
      expect(receipt).toMatchObject({ outcome: "failed", steps: 4 });
      // Ids, confidences, text, counters and states of every step.
      expect([...steps, ...stepsOf(rest)]).toEqual(stepsOf(whole));
      expect(rest.at(-1)).toEqual(whole.at(-1));
      expect(rest.at(-1)).toMatchObject({ type: "done" });
    },
  );

  it("ends here where its last block is under way", async ({ expect }) => {
    const response = await postGeneration(first, requestBody("a"));
    await predictor.underWay();
    await postDrain();
    const frames = await collectReleasing(readFrames(response));
    expect(frames.at(-1)).toMatchObject({ type: "done", receipt: { steps: 4 } });
  });

  it("is handed back without a receipt where it still waits", async ({ expect }) => {
    const running = await postGeneration(first, requestBody("a"));
    await predictor.underWay();
    const waiting = await postGeneration(first, requestBody("b", { max_tokens: 100 }));
    await postDrain();
    const ended = await Promise.all([
      collectReleasing(readFrames(running)),
      collect(readFrames(waiting)),
    ]);
    expect(ended[0].at(-1)).toMatchObject({ type: "done" });
    expect(ended[1].map(({ type }) => type)).toEqual(["queued", "error"]);
    expect(ended[1].at(-1)).toMatchObject({ code: "no_ready_node", signed_receipt: null });
  });
});

describe("POST /drain", () => {
  it("has the node take no more; may be repeated", async ({ expect }) => {
    const answers = [await postDrain(), await postDrain()];
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toEqual([202, { status: "draining" }]);
    }
    expect((await fetch(`${first.url}/readyz`)).status).toBe(503);
    const refused = await postGeneration(first, requestBody("a"));
    expect(refused.status).toBe(503);
    expect(await readError(refused)).toMatchObject({ code: "no_ready_node" });
  });

  it("hands back amid a block what its time is too short for", async ({ expect }) => {
    const hurried = holdPredictor(createFakeMaskPredictor());
    const node = await startTestNode({ predictor: hurried, maxBatchRows: 1, drainMs: 0 });
    try {
      const response = await postGeneration(node, requestBody("a", BLOCKS));
      await hurried.underWay();
      expect((await postDrain({}, SECRET, node)).status).toBe(202);
      // Of four steps that the block has, one is under way.
      await nextTimer();
      hurried.release();
      const frames = await collect(readFrames(response));
      expect(stepsOf(frames).map(({ step }) => step)).toEqual([1]);
      expect(frames.at(-1)).toMatchObject({ type: "error", code: "no_ready_node" });
    } finally {
      hurried.release();
      await node.close();
    }
  });

  it("needs an order of its own that is signed and has not expired", async ({ expect }) => {
    const grant = await bearGrant({ request_id: "a" });
    const answers = [
      await fetch(`${first.url}/drain`, { method: "POST" }),
      await fetch(`${first.url}/drain`, {
        method: "POST",
        headers: { authorization: `Bearer ${grant}` },
      }),
      await postDrain({ expires_at: NOW }),
      await postDrain({ type: "heartbeat" }),
      await postDrain({}, "another secret of at least thirty-two characters"),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(await readError(answer)).toMatchObject({ code: "invalid_grant" });
    }
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  });
});

describe("resume_from", () => {
  const lastState = (frames: readonly NodeFrame[]) => stepsOf(frames).at(-1)?.state ?? "";

  it("behind the last step gives the whole answer without a pass", async ({ expect }) => {
    const body = requestBody("a", BLOCKS);
    const whole = await collect(readFrames(await postGeneration(second, body)));
    const passCount = inner.batches.length;
    const grant = await bearGrant({ request_id: "a", attempt: 2 });
    const resumed = await postGeneration(
      second,
      { ...body, resume_from: lastState(whole) },
      { grant },
    );
    const frames = await collect(readFrames(resumed));
    expect(stepsOf(frames)).toEqual([]);
    expect(frames.at(-1)).toEqual(whole.at(-1));
    expect(inner.batches).toHaveLength(passCount);
  });

  it("is refused by its name where it is no state, or another request's", async ({ expect }) => {
    const body = requestBody("a", BLOCKS);
    const state = lastState(await collect(readFrames(await postGeneration(second, body))));
    const changed = { ...body.input, text: "help me" };
    const score = { type: "score", prompt: body.input, answers: ["b"], samples: 4 };
    const wrong = [
      { ...body, resume_from: "nonsense" },
      { ...body, resume_from: "" },
      { ...body, resume_from: state.slice(0, -2) },
      { ...body, input: changed, resume_from: state },
      { ...requestBody("a", { ...BLOCKS, temperature: 1 }), resume_from: state },
      { ...body, input: score, resume_from: state },
    ];
    const grant = await bearGrant({ request_id: "a", attempt: 2 });
    for (const request of wrong) {
      const refused = await postGeneration(second, request, { grant });
      expect(refused.status).toBe(400);
      expect(await readError(refused)).toMatchObject({
        code: "invalid_parameter",
        param: "resume_from",
      });
    }
    // What was refused has not used the grant.
    const accepted = await postGeneration(second, { ...body, resume_from: state }, { grant });
    expect((await collect(readFrames(accepted))).at(-1)).toMatchObject({ type: "done" });
  });
});
