import { describe, it } from "vitest";
import { maskWindows } from "../../../../gpu-backend/evaluation/masked-windows.ts";

const MASK = 999;
const OPTIONS = { length: 20, maxCount: 8, maxCandidates: 100, maskTokenId: MASK };
const IDS = Array.from({ length: 133 }, (_, i) => i);

describe("maskWindows", () => {
  it("hides just the ids that it returns", ({ expect }) => {
    for (const [index, { batch, hiddenIds }] of maskWindows(IDS, OPTIONS).entries()) {
      const restored = [...batch.tokenIds];
      for (const [i, column] of batch.candidateIndexes.entries()) {
        expect(batch.tokenIds[column]).toBe(MASK);
        restored[column] = hiddenIds[i] ?? -1;
      }
      expect(restored).toEqual(IDS.slice(index * 20, (index + 1) * 20));
    }
  });

  it("covers all shares of masks, least first", ({ expect }) => {
    const counts = maskWindows(IDS, OPTIONS).map(({ hiddenIds }) => hiddenIds.length);
    expect(counts).toEqual([2, 5, 8, 12, 15, 18]);
  });

  it("asks for no more candidates than it may, in ascending columns", ({ expect }) => {
    for (const { batch } of maskWindows(IDS, { ...OPTIONS, maxCandidates: 3 })) {
      const columns = [...batch.candidateIndexes];
      expect(columns.length).toBeLessThanOrEqual(3);
      expect(columns).toEqual([...columns].sort((a, b) => a - b));
    }
  });

  it("makes one window of a short text, and none of no text", ({ expect }) => {
    expect(maskWindows([1, 2, 3], OPTIONS).map(({ batch }) => batch.length)).toEqual([3]);
    expect(maskWindows([], OPTIONS)).toEqual([]);
  });

  it("gives the same windows again", ({ expect }) => {
    expect(maskWindows(IDS, OPTIONS)).toEqual(maskWindows(IDS, OPTIONS));
  });
});
