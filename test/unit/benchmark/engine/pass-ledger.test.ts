import { describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { PassLedger } from "../../../benchmark/engine/pass-ledger.ts";

/** Rows of which each begins with so many columns of padding. */
function batchOf(length: number, paddings: readonly number[]): CanvasBatch {
  const attended = paddings.flatMap((padding) =>
    Array.from({ length }, (_, column) => Number(column >= padding)),
  );
  return {
    rowCount: paddings.length,
    length,
    tokenIds: new Int32Array(attended.length),
    attended: Uint8Array.from(attended),
    candidateIndexes: Int32Array.of(length - 1),
  };
}

describe("PassLedger", () => {
  /** Three passes on two cores: a short one on both, then one of two seconds and one of three. */
  function account() {
    const ledger = new PassLedger(2, 512);
    let nowMs = 0;
    const now = () => nowMs;
    const end = ledger.begin(batchOf(24, [4]), 0, now);
    nowMs = 500;
    end();
    const ends = [
      ledger.begin(batchOf(40, [0, 10]), 1, now),
      ledger.begin(batchOf(56, [0]), 2, now),
    ];
    nowMs = 2_500;
    ends[0]?.();
    nowMs = 3_500;
    ends[1]?.();
    return ledger;
  }

  it("counts what rows need and what is fed of each shape", ({ expect }) => {
    expect(account().shapes).toEqual([
      { shape: { length: 32, contextLength: 0 }, needed: 20, fed: 24, rows: 1, candidates: 1 },
      {
        shape: { length: 64, contextLength: 0 },
        needed: 70 + 56,
        fed: 80 + 56,
        rows: 3,
        candidates: 2,
      },
    ]);
  });

  it("divides all of the time up, and none of it twice", ({ expect }) => {
    const rateOf = ({ shape }: { shape: { length: number } }) => (shape.length === 32 ? 40 : 100);
    const time = account().divide(4, 0.25, rateOf);
    expect(time.needed).toBeCloseTo(20 / 40 + 126 / 100);
    expect(time.padding).toBeCloseTo(4 / 40 + 10 / 100);
    // Half a second on both cores, two and three seconds on one.
    expect(time.slowerPasses).toBeCloseTo(0.5 + 1 + 1.5 - (24 / 40 + 136 / 100));
    expect(time.noRequest).toBe(0.25);
    expect(time.betweenPasses).toBeCloseTo(4 - 0.25 - 3);
    expect(Object.values(time).reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo(4);
  });
});
