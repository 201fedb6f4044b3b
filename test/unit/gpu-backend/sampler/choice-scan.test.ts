import fc from "fast-check";
import { describe, it } from "vitest";
import { CandidateScan, type StepScan } from "../../../../gpu-backend/sampler/candidate-scan.ts";
import { askForChoices, ChoiceScan } from "../../../../gpu-backend/sampler/choice-scan.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { chooseFrom } from "../../../support/fake-mask-predictor.ts";
import { END_OF_TEXT, LOGIT_COUNT, MASK, TOKENS } from "./run-process.ts";

const random = createCounterRandom(0, 0);
/** Few values, so that many are equal; a special id is often far ahead. */
const vectors = fc
  .record({
    logits: fc.array(fc.constantFrom(-3, 0, 0.5, 2, 2.5), {
      minLength: LOGIT_COUNT,
      maxLength: LOGIT_COUNT,
    }),
    leader: fc.constantFrom(0, 1, MASK, END_OF_TEXT, TOKENS.endOfTurnTokenId),
    lead: fc.constantFrom(0, 3, 60),
  })
  .map(({ logits, leader, lead }) =>
    Float32Array.from(logits, (logit, id) => (id === leader ? logit + lead : logit)),
  );
const settings = fc
  .record({
    excludeEndOfText: fc.boolean(),
    deferEndOfText: fc.boolean(),
    decoding: fc.constantFrom(
      { kind: "schedule" as const },
      { kind: "threshold" as const, threshold: 0.5 },
    ),
  })
  .map((request) => resolveSamplingSettings({ ...request, generationLength: 8 }, TOKENS));

const named = (request: SamplingRequest) =>
  askForChoices(resolveSamplingSettings(request, TOKENS)).namedTokenIds;

describe("ChoiceScan", () => {
  it("finds the candidates and confidences that the logits hold, without the mask too", ({
    expect,
  }) => {
    fc.assert(
      fc.property(fc.array(vectors, { minLength: 1, maxLength: 4 }), settings, (rows, given) => {
        const columns = Int32Array.from(rows.keys());
        const choices = chooseFrom(rows, askForChoices(given).namedTokenIds ?? Int32Array.of());
        const byChoices = new ChoiceScan(choices, columns, given);
        const flat = Float32Array.from(rows.flatMap((row) => [...row]));
        const byLogits = new CandidateScan(flat, LOGIT_COUNT, columns, given, random, 0);
        const compare = (mine: StepScan, wanted: StepScan) => {
          expect(mine.candidates.tokenIds).toEqual(wanted.candidates.tokenIds);
          for (const [i, confidence] of wanted.candidates.confidences.entries()) {
            expect(mine.candidates.confidences[i]).toBeCloseTo(confidence, 6);
          }
        };
        compare(byChoices, byLogits);
        for (const index of columns) {
          byChoices.replaceMask(index);
          byLogits.replaceMask(index);
        }
        compare(byChoices, byLogits);
      }),
    );
  });

  it("refuses a column without a finite logit", ({ expect }) => {
    const given = resolveSamplingSettings({ generationLength: 8 }, TOKENS);
    const ids = askForChoices(given).namedTokenIds ?? Int32Array.of();
    for (const logit of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
      const choices = chooseFrom([new Float32Array(LOGIT_COUNT).fill(logit)], ids);
      expect(() => new ChoiceScan(choices, Int32Array.of(0), given)).toThrow(
        expect.objectContaining({ code: "session_failed" }),
      );
    }
    const half = chooseFrom([new Float32Array(LOGIT_COUNT)], ids);
    const broken = { ...half, restLogSums: Float64Array.of(Number.NaN) };
    expect(() => new ChoiceScan(broken, Int32Array.of(0), given)).toThrow("finite");
  });
});

describe("askForChoices", () => {
  it("leaves logits to whatever looks at more than the likeliest id", ({ expect }) => {
    const plain = { generationLength: 8 };
    expect(named(plain)).toEqual(Int32Array.of(MASK, END_OF_TEXT, TOKENS.endOfTurnTokenId));
    expect(named({ ...plain, decoding: { kind: "threshold", threshold: 0.9 } })).toBeDefined();
    for (const request of [
      { temperature: 0.5 },
      { guidanceScale: 1 },
      { remasking: "random" },
      { decoding: { kind: "entropy-bound", bound: 1 } },
      { adaptiveLength: {} },
    ] as const) {
      expect(named({ ...plain, ...request })).toBeUndefined();
    }
  });

  it("names each id once where two are one", ({ expect }) => {
    const tokens = { maskTokenId: 5, endOfTextTokenId: 4, endOfTurnTokenId: 4 };
    const given = resolveSamplingSettings({ generationLength: 8 }, tokens);
    expect(askForChoices(given).namedTokenIds).toEqual(Int32Array.of(5, 4));
  });
});
