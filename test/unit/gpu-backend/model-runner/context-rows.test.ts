import fc from "fast-check";
import { describe, it } from "vitest";
import {
  joinRows,
  wholeFirstColumns,
  wholeRows,
} from "../../../../gpu-backend/model-runner/context-rows.ts";

describe("wholeRows", () => {
  const context = {
    length: 4,
    tokenIds: Int32Array.of(0, 0, 5, 6, 0, 7, 8, 9),
    attended: Uint8Array.of(0, 0, 1, 1, 0, 1, 1, 1),
    firstColumns: Int32Array.of(2, 1),
  };

  it("pads each row as it was when it was fed whole", ({ expect }) => {
    const wholeLengths = Int32Array.of(2, 6);
    expect(wholeRows(2, { ...context, wholeLengths })).toEqual([
      { tokenIds: Int32Array.of(5, 6), attended: Uint8Array.of(1, 1) },
      { tokenIds: Int32Array.of(0, 0, 0, 7, 8, 9), attended: Uint8Array.of(0, 0, 0, 1, 1, 1) },
    ]);
  });

  it("takes the length of the context where no other is told", ({ expect }) => {
    expect(wholeRows(2, context).map(({ tokenIds }) => [...tokenIds])).toEqual([
      [0, 0, 5, 6],
      [0, 7, 8, 9],
    ]);
  });
});

describe("wholeFirstColumns", () => {
  it("tells where each span begins in its whole row", ({ expect }) => {
    const context = {
      length: 8,
      tokenIds: new Int32Array(16),
      attended: new Uint8Array(16),
      firstColumns: Int32Array.of(6, 4),
    };
    expect(wholeFirstColumns(context)).toEqual(Int32Array.of(6, 4));
    const wholeLengths = Int32Array.of(6, 10);
    expect(wholeFirstColumns({ ...context, wholeLengths })).toEqual(Int32Array.of(4, 6));
  });
});

describe("joinRows", () => {
  const row = fc.array(fc.integer({ min: 1, max: 9 })).map((values) => Float32Array.from(values));

  it("has every row end at the last of its place, with nothing before it", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1 }),
        fc.integer({ min: 1, max: 12 }),
        (rows, size) => {
          const joined = joinRows(rows, size);
          expect(joined).toHaveLength(rows.length * size);
          for (const [index, values] of rows.entries()) {
            const place = [...joined.subarray(index * size, (index + 1) * size)];
            const padding = Array<number>(Math.max(0, size - values.length)).fill(0);
            expect(place).toEqual([...padding, ...values.slice(-size)].slice(-size));
          }
        },
      ),
    );
  });

  it("copies nothing where one row has the size", ({ expect }) => {
    const only = Float32Array.of(1, 2);
    expect(joinRows([only], 2)).toBe(only);
  });
});
