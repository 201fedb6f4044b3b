import { describe, it } from "vitest";
import {
  LengthChoice,
  MAX_LENGTHS_TRIED,
} from "../../../../gpu-backend/infilling/length-choice.ts";
import { readTemplate } from "../../../../gpu-backend/infilling/template.ts";
import { CODEC, LOGIT_COUNT, MASK } from "./small-vocabulary.ts";

const A = CODEC.encode("a")[0] ?? 0;

/** Answers each row as sure as `surenessOf` says of its masks. */
function choose(
  template: Parameters<typeof readTemplate>[0],
  surenessOf: (masked: number) => number,
) {
  const choice = new LengthChoice([], readTemplate(template, CODEC, MASK), MASK);
  let rowCount = 0;
  while (!choice.isFinished) {
    const rows = choice.forwardRows();
    rowCount += rows.length;
    const logits = rows.map(({ tokenIds, candidateColumns }) => {
      const masked = tokenIds.filter((id) => id === MASK).length;
      const answer = new Float32Array(candidateColumns.length * LOGIT_COUNT);
      for (const i of candidateColumns.keys()) {
        answer[i * LOGIT_COUNT + A] = surenessOf(masked);
        answer[i * LOGIT_COUNT + MASK] = 50;
      }
      return answer;
    });
    choice.take(logits, LOGIT_COUNT);
  }
  return { lengths: choice.lengths, rowCount, forwardPasses: choice.forwardPasses };
}

describe("the choice of lengths", () => {
  it("takes the length at whose ends the network is surest, the mask id left out", ({ expect }) => {
    const hole = { minLength: 2, maxLength: 6 };
    const chosen = choose(["ab", hole, "x"], (masked) => (masked === 5 ? 9 : 1));
    expect(chosen).toEqual({ lengths: [5], rowCount: 5, forwardPasses: 5 });
  });

  it("takes the shortest of equals", ({ expect }) => {
    expect(choose([{ minLength: 2, maxLength: 6 }, "x"], () => 1).lengths).toEqual([2]);
  });

  it("chooses each hole's for itself, beside others of middling length", ({ expect }) => {
    const holes = [{ minLength: 1, maxLength: 5 }, "x", { minLength: 1, maxLength: 3 }];
    expect(choose(holes, (masked) => masked).lengths).toEqual([5, 3]);
    expect(choose(holes, (masked) => -masked).lengths).toEqual([1, 1]);
    expect(choose(holes, (masked) => (masked === 3 ? 9 : 0)).lengths).toEqual([1, 1]);
  });

  it("asks nothing where every hole has one length", ({ expect }) => {
    expect(choose([{ minLength: 3, maxLength: 3 }], () => 1)).toMatchObject({
      lengths: [3],
      rowCount: 0,
    });
  });

  it("tries a bounded number of lengths, the first and the last among them", ({ expect }) => {
    const hole = { minLength: 1, maxLength: 100 };
    expect(choose([hole], (masked) => masked / 10)).toMatchObject({
      lengths: [100],
      rowCount: MAX_LENGTHS_TRIED,
    });
    expect(choose([hole], (masked) => 11 - masked / 10).lengths).toEqual([1]);
  });

  it("refuses a network that answers no number", ({ expect }) => {
    const choice = new LengthChoice(
      [],
      readTemplate([{ minLength: 1, maxLength: 2 }], CODEC, MASK),
      MASK,
    );
    const rows = choice.forwardRows();
    const broken = rows.map(({ candidateColumns }) =>
      new Float32Array(candidateColumns.length * LOGIT_COUNT).fill(Number.NaN),
    );
    expect(() => choice.take(broken, LOGIT_COUNT)).toThrow(
      expect.objectContaining({ code: "session_failed" }),
    );
    expect(() => choice.take([], LOGIT_COUNT)).toThrow(
      expect.objectContaining({ code: "session_failed" }),
    );
  });
});
