/** Cached and exact requests side by side in the engine, on the real network. */
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { createGeneration } from "../../../../gpu-backend/engine/create-generation.ts";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import { readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
} from "../../../../shared/contracts/node-wire.ts";
import { GOLDEN_DIRECTORY, GoldenPredictors } from "../golden-predictor.ts";
import { createTestEngine } from "./engine-bench.ts";

const TOKENS = { maskTokenId: 258, endOfTextTokenId: 256, endOfTurnTokenId: 257 };
const predictors = new GoldenPredictors();
afterAll(() => predictors.closeAll());

type Parameters = Partial<GenerationParameters> & { max_tokens: number };

/** Every third request is exact, every other cached; lengths, decoders and guidance differ. */
const REQUESTS: readonly Parameters[] = [
  { max_tokens: 16, block_length: 8, steps: 8 },
  { max_tokens: 16, block_length: 8, steps: 8, cache: "dual" },
  { max_tokens: 16, block_length: 8, steps: 16, cache: "dual", confidence_threshold: 0.4 },
  { max_tokens: 16, block_length: 8, steps: 16, confidence_threshold: 0.4 },
  { max_tokens: 16, block_length: 8, steps: 8, cache: "prefix" },
  { max_tokens: 24, block_length: 8, steps: 12, cache: "prefix", cfg_scale: 1 },
  { max_tokens: 40, block_length: 8, steps: 15, cfg_scale: 1, temperature: 0.5, seed: 3 },
  { max_tokens: 40, block_length: 8, steps: 15, cache: "dual", temperature: 0.5, seed: 4 },
  { max_tokens: 24, block_length: 8, steps: 12, cache: "dual", remasking: "random", seed: 5 },
];

/** Notes the shape of every pass. */
function watchPasses(inner: MaskPredictor): MaskPredictor & { readonly passes: CanvasBatch[] } {
  const passes: CanvasBatch[] = [];
  return {
    logitCount: inner.logitCount,
    maxLength: inner.maxLength,
    passes,
    predict(batch) {
      passes.push(batch);
      return inner.predict(batch);
    },
    close: () => inner.close(),
  };
}

/** Runs the requests at `indexes` at once; events in that order. */
async function runRequests(
  predictor: MaskPredictor,
  requests: readonly Parameters[],
  indexes: Iterable<number> = requests.keys(),
): Promise<GenerationEvent[][]> {
  const engine = createTestEngine(predictor);
  const ends: Promise<void>[] = [];
  const events = Array.from(indexes, (index) => {
    const own: GenerationEvent[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.push(promise);
    engine.submit(
      createGeneration(
        {
          requestId: String(index),
          promptTokenIds: Array.from({ length: 4 + (index % 3) }, (_, i) => 7 * i + index),
          parameters: generationParametersSchema.parse(requests[index]),
          listener: (event) => {
            own.push(event);
            if (event.type === "finished") resolve();
          },
        },
        {
          maxLength: predictor.maxLength,
          specialTokens: TOKENS,
          decoder: { decode: (ids) => ids.join(" "), decodeToken: String },
          codec: { encode: () => [], texts: [] },
        },
      ),
    );
    return own;
  });
  await Promise.all(ends);
  return events;
}

describe("an engine with cached and exact requests", () => {
  it("gives each the events that it gets alone", async ({ expect }) => {
    const predictor = watchPasses(await predictors.get("tiny-f32"));
    const together = await runRequests(predictor, REQUESTS);
    expect(together.map((events) => events.at(-1))).toMatchObject(
      REQUESTS.map(() => ({ type: "finished", outcome: "completed" })),
    );
    const spans = predictor.passes.filter(({ context }) => context !== undefined);
    const isMixed = ({ rowCount }: CanvasBatch) => rowCount > 1;
    expect(spans.some(isMixed)).toBe(true);
    for (const index of REQUESTS.keys()) {
      const [alone] = await runRequests(predictor, REQUESTS, [index]);
      expect(together[index]).toEqual(alone);
    }
  });

  it("gives each the same events over sessions of their own", async ({ expect }) => {
    const alone = await predictors.get("tiny-f32");
    const laned = await createMaskPredictor(
      await readCheckpoint(join(GOLDEN_DIRECTORY, "tiny-f32")),
      { executionProvider: "cpu", intraOpThreads: 2 },
      { sideSessionCount: 2 },
    );
    try {
      const lanes = new Set<number>();
      const watched: MaskPredictor = {
        logitCount: laned.logitCount,
        maxLength: laned.maxLength,
        sideLaneCount: laned.sideLaneCount ?? 0,
        predict(batch, lane = 0) {
          lanes.add(lane);
          return laned.predict(batch, lane);
        },
        close: () => laned.close(),
      };
      const together = await runRequests(watched, REQUESTS);
      expect([...lanes]).toEqual(expect.arrayContaining([1, 2]));
      for (const index of REQUESTS.keys()) {
        const [own] = await runRequests(alone, REQUESTS, [index]);
        expect(together[index]).toEqual(own);
      }
      // A request alone has the whole machine.
      lanes.clear();
      expect((await runRequests(watched, REQUESTS, [0]))[0]).toEqual(together[0]);
      expect([...lanes]).toEqual([0]);
    } finally {
      await laned.close();
    }
  }, 60_000);

  it("computes fewer positions under a cache, in as many passes", async ({ expect }) => {
    const predictor = await predictors.get("tiny-f32");
    const request = { max_tokens: 16, block_length: 8, steps: 16 };
    const [exact, prefix, dual] = await Promise.all(
      (["none", "prefix", "dual"] as const).map(async (cache) => {
        const [events] = await runRequests(predictor, [{ ...request, cache }]);
        const last = events?.at(-1);
        return last?.type === "finished" ? last.usage : null;
      }),
    );
    expect([exact, prefix, dual].map((usage) => usage?.forwardPasses)).toEqual([16, 16, 16]);
    expect([exact, prefix, dual].map((usage) => usage?.stepUnits)).toEqual([16, 16, 16]);
    // Prompt of 4; each block's first pass is whole.
    expect(exact?.positionsComputed).toBe(16 * 20);
    expect(prefix?.positionsComputed).toBe(2 * 20 + 7 * 16 + 7 * 8);
    expect(dual?.positionsComputed).toBe(2 * 20 + 14 * 8);
  });
});
