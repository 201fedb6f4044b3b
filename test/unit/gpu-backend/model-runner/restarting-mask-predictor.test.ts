import { describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import {
  RestartingMaskPredictor,
  type ThreadPredictor,
} from "../../../../gpu-backend/model-runner/restarting-mask-predictor.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";

const BATCH: CanvasBatch = {
  rowCount: 1,
  length: 1,
  tokenIds: Int32Array.of(0),
  attended: Uint8Array.of(1),
  candidateIndexes: Int32Array.of(0),
};

/** What one pass does to its thread. */
type Deed = "answers" | "fails" | "dies";

interface FakeThread extends ThreadPredictor {
  readonly number: number;
  die(): void;
  readonly isClosed: boolean;
}

/** Threads whose passes do as `deeds` says, in order over all threads, and answer after that. */
function startThreads(deeds: Deed[], canStart: () => boolean = () => true) {
  const threads: FakeThread[] = [];
  const lost: unknown[] = [];
  const givenUp: unknown[] = [];
  const create = (): FakeThread => {
    let failure: Error | null = null;
    let isClosed = false;
    const thread: FakeThread = {
      number: threads.length,
      logitCount: 1,
      maxLength: 8,
      get failure() {
        return failure;
      },
      get isClosed() {
        return isClosed;
      },
      die() {
        failure = new ApiError("session_failed", "The session's thread ended.");
      },
      async predict() {
        if (failure !== null) throw failure;
        const deed = deeds.shift() ?? "answers";
        if (deed === "dies") thread.die();
        if (deed !== "answers") throw failure ?? new ApiError("session_failed", "It failed.");
        return { logits: Float32Array.of(thread.number), choices: null };
      },
      async close() {
        isClosed = true;
        thread.die();
      },
    };
    threads.push(thread);
    return thread;
  };
  const start = async () => {
    if (!canStart()) throw new ApiError("session_failed", "It cannot be loaded.");
    return create();
  };
  const predictor = new RestartingMaskPredictor(create(), start, {
    onThreadLost: (error) => lost.push(error),
    onGivenUp: (error) => givenUp.push(error),
  });
  return { predictor, threads, lost, givenUp };
}

describe("RestartingMaskPredictor", () => {
  it("tells of every thread that died, and tries the pass again in a new one", async ({
    expect,
  }) => {
    const { predictor, threads, lost } = startThreads(["dies"]);
    expect([...(await predictor.predict(BATCH)).logits]).toEqual([1]);
    expect([...(await predictor.predict(BATCH)).logits]).toEqual([1]);
    expect(threads).toHaveLength(2);
    expect(lost).toMatchObject([{ code: "session_failed" }]);
  });

  it("starts one thread for all calls that met the death", async ({ expect }) => {
    const { predictor, threads } = startThreads([]);
    threads[0]?.die();
    const answers = await Promise.all([1, 2, 3].map(() => predictor.predict(BATCH)));
    expect(answers.map(({ logits }) => logits[0])).toEqual([1, 1, 1]);
    expect(threads).toHaveLength(2);
  });

  it("leaves a thread alone whose pass failed without killing it", async ({ expect }) => {
    const { predictor, threads } = startThreads(["fails"]);
    await expect(predictor.predict(BATCH)).rejects.toMatchObject({ code: "session_failed" });
    expect([...(await predictor.predict(BATCH)).logits]).toEqual([0]);
    expect(threads).toHaveLength(1);
  });

  it("rejects a pass that kills two threads, and serves the next", async ({ expect }) => {
    const { predictor, givenUp } = startThreads(["dies", "dies"]);
    await expect(predictor.predict(BATCH)).rejects.toMatchObject({ code: "session_failed" });
    expect([...(await predictor.predict(BATCH)).logits]).toEqual([2]);
    expect(givenUp).toEqual([]);
  });

  it("counts deaths anew after every pass that was finished", async ({ expect }) => {
    const deeds: Deed[] = Array.from({ length: 6 }, () => ["dies", "answers"] as const).flat();
    const { predictor, givenUp } = startThreads(deeds);
    for (let i = 0; i < 6; i += 1) await predictor.predict(BATCH);
    expect(givenUp).toEqual([]);
  });

  it("gives up, once, when thread after thread dies", async ({ expect }) => {
    const { predictor, threads, givenUp } = startThreads(Array(9).fill("dies"));
    for (let i = 0; i < 4; i += 1) {
      await expect(predictor.predict(BATCH)).rejects.toMatchObject({ code: "session_failed" });
    }
    expect(givenUp).toHaveLength(1);
    expect(threads).toHaveLength(3);
  });

  it("gives up, once, when no thread can be started any more", async ({ expect }) => {
    const { predictor, givenUp } = startThreads(["dies"], () => false);
    for (let i = 0; i < 2; i += 1) {
      await expect(predictor.predict(BATCH)).rejects.toMatchObject({ code: "session_failed" });
    }
    expect(givenUp).toMatchObject([{ message: "It cannot be loaded." }]);
  });

  it("starts none after it was closed, and closes the one that runs", async ({ expect }) => {
    const { predictor, threads } = startThreads(["dies"]);
    await predictor.predict(BATCH);
    await predictor.close();
    expect(threads[1]?.isClosed).toBe(true);
    await expect(predictor.predict(BATCH)).rejects.toMatchObject({ code: "session_failed" });
    expect(threads).toHaveLength(2);
  });
});
