import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import type { CandidateConstraint } from "../../../../gpu-backend/sampler/constraint.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { createFakeMaskPredictor, type FakeLogits } from "../../../support/fake-mask-predictor.ts";

const LOGIT_COUNT = 8;
const MASK = 7;
const END_OF_TEXT = 6;
const TOKENS = { maskTokenId: MASK, endOfTextTokenId: END_OF_TEXT, endOfTurnTokenId: null };

/** Allows the ids that `allow` lists for a canvas. */
function constrain(allow: (tokenIds: Int32Array, column: number) => number[]): CandidateConstraint {
  return {
    allowedIds(tokenIds, column) {
      const allowed = new Uint8Array(LOGIT_COUNT);
      for (const id of allow(tokenIds, column)) allowed[id] = 1;
      return allowed;
    },
  };
}

/** Every column the same token. */
const allEqual = constrain((tokenIds) => {
  const written = tokenIds.find((id) => id !== MASK);
  return written === undefined ? [0, 1, 2] : [written];
});

async function run(request: SamplingRequest, constraint: CandidateConstraint, logits: FakeLogits) {
  const { generationLength } = request;
  const canvas = Canvas.start({ promptTokenIds: [], generationLength, maskTokenId: MASK });
  const settings = resolveSamplingSettings(request, TOKENS);
  const process = new ReverseProcess(canvas, settings, createCounterRandom(3, 0), constraint);
  const committed: number[][] = [];
  const confidences: number[][] = [];
  const predictor = createFakeMaskPredictor({ logitCount: LOGIT_COUNT, logits });
  await denoiseRows([process], predictor, (round) => {
    for (const step of round) {
      committed.push([...step.committed]);
      confidences.push([...step.confidences]);
    }
  });
  return { tokenIds: [...canvas.tokenIds], committed, confidences };
}

/** Column 2 is surest of token 2, the others of token 1. */
const quarrelling: FakeLogits = (_ids, position, count) =>
  Array.from({ length: count }, (_, id) => {
    if (position === 2) return id === 2 ? 9 : 0;
    return id === 1 ? 6 : 0;
  });

describe("a constraint", () => {
  it("has the surest candidate of a step its way, wherever that stands", async ({ expect }) => {
    const decoding = { kind: "threshold", threshold: 0.1 } as const;
    const request = { generationLength: 4, blockLength: 4, decoding };
    const { tokenIds, committed } = await run({ ...request, steps: 4 }, allEqual, quarrelling);
    expect(tokenIds).toEqual([2, 2, 2, 2]);
    expect(committed).toEqual([[2], [0, 1, 3]]);
  });

  it("has a block filled at its last step, the doubtful columns within what is left", async ({
    expect,
  }) => {
    for (const kind of ["schedule", "filling-schedule"] as const) {
      const request = { generationLength: 4, blockLength: 4, steps: 1, decoding: { kind } };
      const { tokenIds, committed } = await run(request, allEqual, quarrelling);
      expect(tokenIds).toEqual([2, 2, 2, 2]);
      expect(committed).toEqual([[0, 1, 2, 3]]);
    }
  });

  it("catches up under the schedule on what it put off", async ({ expect }) => {
    const request = { generationLength: 4, blockLength: 4, steps: 2 };
    const { tokenIds, committed } = await run(request, allEqual, quarrelling);
    expect(tokenIds).toEqual([2, 2, 2, 2]);
    expect(committed).toEqual([[2], [0, 1, 3]]);
  });

  it("measures confidence among what is allowed", async ({ expect }) => {
    const request = { generationLength: 1, steps: 1 };
    const flat: FakeLogits = (_ids, _position, count) => Array.from({ length: count }, () => 1);
    const one = await run(
      request,
      constrain(() => [4]),
      flat,
    );
    expect(one).toMatchObject({ tokenIds: [4], confidences: [[1]] });
    const two = await run(
      request,
      constrain(() => [3, 4]),
      flat,
    );
    expect(two).toMatchObject({ tokenIds: [3], confidences: [[0.5]] });
  });

  it("goes before the flags against end-of-text", async ({ expect }) => {
    for (const flag of ["excludeEndOfText", "deferEndOfText"] as const) {
      const request = { generationLength: 2, blockLength: 2, steps: 1, [flag]: true };
      const { tokenIds } = await run(
        request,
        constrain(() => [END_OF_TEXT]),
        quarrelling,
      );
      expect(tokenIds).toEqual([END_OF_TEXT, END_OF_TEXT]);
    }
  });

  it("holds at every temperature", async ({ expect }) => {
    const request = { generationLength: 4, blockLength: 4, steps: 2, temperature: 1 };
    const { tokenIds } = await run(request, allEqual, quarrelling);
    expect(new Set(tokenIds).size).toBe(1);
    expect([0, 1, 2]).toContain(tokenIds[0]);
  });
});
