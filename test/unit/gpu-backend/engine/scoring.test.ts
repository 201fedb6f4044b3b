import { describe, it } from "vitest";
import { takeLogits } from "../../../../gpu-backend/canvas/candidate-choices.ts";
import { predictRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import { Scoring, type ScoringOrder } from "../../../../gpu-backend/engine/scoring.ts";
import { startLikelihood } from "../../../../gpu-backend/likelihood/estimate-likelihood.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import {
  createTestEngine,
  holdPredictor,
  letterCodec,
  letterDecoder,
  SPECIAL_TOKENS,
  watchGeneration,
} from "./engine-bench.ts";

const MODEL = {
  maxLength: 512,
  specialTokens: SPECIAL_TOKENS,
  decoder: letterDecoder,
  codec: letterCodec,
};

function watchScoring(answers: readonly string[], changes: Partial<ScoringOrder> = {}) {
  const events: GenerationEvent[] = [];
  const { promise, resolve } =
    Promise.withResolvers<Extract<GenerationEvent, { type: "finished" }>>();
  const scoring = new Scoring(
    {
      requestId: `score-${answers.join()}`,
      promptTokenIds: [1, 2],
      answers,
      sampleCount: 16,
      guidanceScale: 0,
      seed: 3,
      ...changes,
      listener: (event) => {
        events.push(event);
        if (event.type === "finished") resolve(event);
      },
    },
    MODEL,
  );
  return { scoring, events, finished: promise };
}

/** The same estimate without an engine. */
async function estimate(text: string, guidanceScale: number, batchSize: number) {
  const predictor = createFakeMaskPredictor();
  const answer = {
    promptTokenIds: [1, 2],
    answerTokenIds: letterCodec.encode(text),
    maskTokenId: SPECIAL_TOKENS.maskTokenId,
    guidanceScale,
  };
  const alone = startLikelihood(answer, { sampleCount: 16, batchSize, seed: 3 });
  while (!alone.isFinished) {
    alone.take(takeLogits(await predictRows(alone.forwardRows(), predictor)), predictor.logitCount);
  }
  return alone.result;
}

describe("a scoring", () => {
  it.for([
    [0, 8],
    [1.5, 4],
  ] as const)(
    "gives what the estimate gives alone, beside a generation, guidance %d",
    async ([guidanceScale, batchSize], { expect }) => {
      const engine = createTestEngine(createFakeMaskPredictor());
      const other = watchGeneration([1], { max_tokens: 12 });
      const { scoring, finished } = watchScoring(["hello", "a", "bye"], { guidanceScale });
      engine.submit(other.generation);
      engine.submit(scoring);
      const { outcome, usage, ...rest } = await finished;
      await other.finished;
      expect(outcome).toBe("completed");
      expect(rest).toHaveProperty("scores", [
        { ...(await estimate("hello", guidanceScale, batchSize)), tokenCount: 5 },
        { ...(await estimate("a", guidanceScale, batchSize)), tokenCount: 1 },
        { ...(await estimate("bye", guidanceScale, batchSize)), tokenCount: 3 },
      ]);
      const rowsEach = guidanceScale > 0 ? 2 : 1;
      expect(scoring.steps).toBe(33);
      expect(usage).toMatchObject({
        promptTokens: 11,
        completionTokens: 0,
        steps: 33,
        forwardPasses: 33 * rowsEach,
        stepUnits: 33 * rowsEach,
      });
    },
  );

  it("feeds at most eight rows a pass, and counts them as it goes", async ({ expect }) => {
    const engine = createTestEngine(createFakeMaskPredictor());
    const { scoring, events, finished } = watchScoring(["hello"], { sampleCount: 12 });
    engine.submit(scoring);
    await finished;
    expect(events.filter(({ type }) => type === "pass")).toEqual([
      { type: "pass", step: 6, forwardPasses: 6, stepUnits: 6 },
      { type: "pass", step: 12, forwardPasses: 12, stepUnits: 12 },
    ]);
  });

  it("ends at the next pass when it is cancelled, and pays for the one under way", async ({
    expect,
  }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor);
    const { scoring, finished } = watchScoring(["hello", "world"]);
    engine.submit(scoring);
    await predictor.underWay();
    engine.cancel(scoring.requestId);
    predictor.release();
    expect(await finished).toMatchObject({
      outcome: "cancelled",
      error: { code: "cancelled" },
      usage: { steps: 8, forwardPasses: 8, stepUnits: 8 },
    });
  });

  it("fails alone when its pass does", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor);
    const { scoring, finished } = watchScoring(["hello"]);
    engine.submit(scoring);
    await predictor.underWay();
    predictor.release(new Error("broken"));
    expect(await finished).toMatchObject({ outcome: "failed", error: { code: "session_failed" } });
  });

  it("is refused for what no canvas can hold", ({ expect }) => {
    const refusal = (code: string, param: string) => expect.objectContaining({ code, param });
    expect(() => watchScoring(["a", ""])).toThrow(refusal("invalid_parameter", "answers.1"));
    expect(() => watchScoring(["a"], { promptTokenIds: [] })).toThrow(
      refusal("empty_prompt", "input"),
    );
    expect(() => watchScoring(["a".repeat(511)])).toThrow(
      refusal("context_length_exceeded", "answers.0"),
    );
  });
});
