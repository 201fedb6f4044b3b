import fc from "fast-check";
import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import type { DenoisingStep } from "../../../../gpu-backend/sampler/denoising-step.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";

const LOGIT_COUNT = 16;
const MASK = 15;
const TOKENS = { maskTokenId: MASK, endOfTextTokenId: 13, endOfTurnTokenId: 14 };

interface Row {
  readonly prompt: readonly number[];
  readonly padding: number;
  readonly seed: number;
  readonly request: SamplingRequest;
}

const requests: fc.Arbitrary<SamplingRequest> = fc
  .record({
    blockCount: fc.integer({ min: 1, max: 3 }),
    blockLength: fc.integer({ min: 1, max: 6 }),
    extraSteps: fc.nat(12),
    temperature: fc.constantFrom(0, 0.5, 1),
    guidanceScale: fc.constantFrom(0, 1.5),
    remasking: fc.constantFrom("low-confidence" as const, "random" as const),
    excludeEndOfText: fc.boolean(),
    deferEndOfText: fc.boolean(),
  })
  .map(({ blockCount, extraSteps, ...rest }) => ({
    ...rest,
    generationLength: blockCount * rest.blockLength,
    steps: blockCount + extraSteps,
  }));

const rows: fc.Arbitrary<Row> = fc.record({
  prompt: fc.array(fc.nat(LOGIT_COUNT - 1), { maxLength: 6 }),
  padding: fc.nat(4),
  seed: fc.nat(Number.MAX_SAFE_INTEGER),
  request: requests,
});

function start(row: Row): ReverseProcess {
  const canvas = Canvas.start({
    promptTokenIds: [...Array(row.padding).fill(0), ...row.prompt],
    generationLength: row.request.generationLength,
    maskTokenId: MASK,
    attended:
      row.padding === 0 ? null : [...Array(row.padding).fill(0), ...row.prompt.map(() => 1)],
  });
  const random = createCounterRandom(row.seed, canvas.firstColumn);
  return new ReverseProcess(canvas, resolveSamplingSettings(row.request, TOKENS), random);
}

async function run(given: readonly Row[]): Promise<{
  processes: ReverseProcess[];
  steps: DenoisingStep[][];
}> {
  const processes = given.map(start);
  const steps: DenoisingStep[][] = given.map(() => []);
  const predictor = createFakeMaskPredictor({ logitCount: LOGIT_COUNT, maxLength: 64 });
  const unfinished = () => processes.flatMap((p, index) => (p.isFinished ? [] : [index]));
  let taking = unfinished();
  await denoiseRows(processes, predictor, (round) => {
    for (const [index, step] of round.entries()) steps[taking[index] ?? -1]?.push(step);
    taking = unfinished();
  });
  return { processes, steps };
}

const ids = (process: ReverseProcess | undefined) => [...(process?.canvas.tokenIds ?? [])];

describe("ReverseProcess", () => {
  it("ends after its steps, one or two rows each, and fills what was not predicted as a mask", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(rows, async (row) => {
        const { processes, steps } = await run([row]);
        const [process] = processes;
        expect(steps[0]).toHaveLength(row.request.steps ?? 0);
        const rowsPerStep = row.request.guidanceScale === 0 ? 1 : 2;
        expect(process?.forwardPasses).toBe((row.request.steps ?? 0) * rowsPerStep);
        const last = steps[0]?.at(-1);
        expect(last?.forwardPasses).toBe(process?.forwardPasses);
        const left = ids(process).filter((id) => id === MASK).length;
        expect(last?.maskedCount).toBe(left);
        if (!row.prompt.includes(MASK) && !predictsMask(steps[0] ?? [])) expect(left).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("writes its quota each step, inside what is masked, and never changes what is committed", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(rows, async (row) => {
        const process = start(row);
        const predictor = createFakeMaskPredictor({ logitCount: LOGIT_COUNT, maxLength: 64 });
        let before = ids(process);
        await denoiseRows([process], predictor, ([step]) => {
          const after = ids(process);
          const changed = after.flatMap((id, column) => (id === before[column] ? [] : [column]));
          expect([...(step?.committed ?? [])]).toEqual(changed);
          expect(changed.every((column) => before[column] === MASK)).toBe(true);
          expect(step?.selected).toHaveLength(step?.quota ?? -1);
          expect(step?.selected.every((column) => step.positions.includes(column))).toBe(true);
          before = after;
        });
      }),
      { numRuns: 60 },
    );
  });

  it("gives each row of a batch what it gives that row alone", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { minLength: 2, maxLength: 4 }), async (given) => {
        const together = await run(given);
        for (const [index, row] of given.entries()) {
          const alone = await run([row]);
          expect(ids(together.processes[index])).toEqual(ids(alone.processes[0]));
          expect(together.steps[index]).toEqual(alone.steps[0]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("gives a padded row what it gives the bare row", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(rows, async (row) => {
        const padded = await run([row]);
        const bare = await run([{ ...row, padding: 0 }]);
        expect(ids(padded.processes[0]).slice(row.padding)).toEqual(ids(bare.processes[0]));
      }),
      { numRuns: 60 },
    );
  });

  it("gives the same tokens for the same seed and others for another", async ({ expect }) => {
    const row = (seed: number): Row => ({
      prompt: [1, 2, 3],
      padding: 0,
      seed,
      request: { generationLength: 24, blockLength: 24, steps: 24, temperature: 1 },
    });
    const [first, second, other] = (await run([row(5), row(5), row(6)])).processes;
    expect(ids(first)).toEqual(ids(second));
    expect(ids(first)).not.toEqual(ids(other));
  });

  it("commits the lowest columns first where all are equally sure", async ({ expect }) => {
    const process = start({
      prompt: [1],
      padding: 0,
      seed: 0,
      request: { generationLength: 4, blockLength: 4, steps: 2 },
    });
    const logits = new Float32Array(4 * LOGIT_COUNT);
    for (let column = 0; column < 4; column += 1) logits[column * LOGIT_COUNT + 3] = 5;
    expect([...process.commit([logits], LOGIT_COUNT).selected]).toEqual([1, 2]);
  });

  it("refuses a broken network's logits and leaves the canvas as it was", ({ expect }) => {
    const row: Row = {
      prompt: [1],
      padding: 0,
      seed: 0,
      request: { generationLength: 2, blockLength: 2, steps: 2 },
    };
    const size = 2 * LOGIT_COUNT;
    const broken: Float32Array[][] = [
      [new Float32Array(size).fill(Number.NaN)],
      [new Float32Array(size).fill(Number.NEGATIVE_INFINITY)],
      [new Float32Array(size).fill(1).fill(Number.POSITIVE_INFINITY, 0, 1)],
      [new Float32Array(size).fill(1).fill(Number.NaN, LOGIT_COUNT, LOGIT_COUNT + 1)],
      [new Float32Array(size - 1)],
      [new Float32Array(size), new Float32Array(size)],
      [],
    ];
    for (const logits of broken) {
      const process = start(row);
      expect(() => process.commit(logits, LOGIT_COUNT)).toThrow(
        expect.objectContaining({ code: "session_failed" }),
      );
      expect(ids(process)).toEqual([1, MASK, MASK]);
      expect(process.step).toBe(0);
    }
  });
});

function predictsMask(steps: readonly DenoisingStep[]): boolean {
  return steps.some((step) => step.selected.length > step.committed.length);
}
