import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";

const MASK = 9;

describe("Canvas", () => {
  it("begins with the prompt and ends in masks", ({ expect }) => {
    const canvas = Canvas.start({
      promptTokenIds: [1, 2, 3],
      generationLength: 2,
      maskTokenId: MASK,
    });
    expect([...canvas.tokenIds]).toEqual([1, 2, 3, MASK, MASK]);
    expect([canvas.length, canvas.promptLength, canvas.generationLength]).toEqual([5, 3, 2]);
    expect(canvas.attended).toBeNull();
    expect(canvas.firstColumn).toBe(0);
  });

  it("attends to its generation region and counts position 0 after the padding", ({ expect }) => {
    const canvas = Canvas.start({
      promptTokenIds: [0, 0, 3],
      generationLength: 2,
      maskTokenId: MASK,
      attended: [0, 0, 1],
    });
    expect([...(canvas.attended ?? [])]).toEqual([0, 0, 1, 1, 1]);
    expect(canvas.firstColumn).toBe(2);
  });

  it("finds masks anywhere, the prompt included", ({ expect }) => {
    const canvas = Canvas.start({
      promptTokenIds: [MASK, 2],
      generationLength: 2,
      maskTokenId: MASK,
    });
    expect([...canvas.maskedColumns(MASK)]).toEqual([0, 2, 3]);
    expect([...canvas.maskedColumns(MASK, 1, 3)]).toEqual([2]);
    expect(canvas.countMasked(MASK)).toBe(3);
  });

  it("refuses a padding mask of another length than the prompt", ({ expect }) => {
    const start = { promptTokenIds: [1, 2], generationLength: 2, maskTokenId: MASK };
    expect(() => Canvas.start({ ...start, attended: [1] })).toThrow(RangeError);
  });
});
