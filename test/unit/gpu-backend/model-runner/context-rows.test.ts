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
  const COLUMN_SIZE = 2;
  const places = fc.record({
    length: fc.integer({ min: 1, max: 12 }),
    spanLength: fc.integer({ min: 1, max: 12 }),
    rows: fc.array(fc.tuple(fc.integer({ min: 0, max: 14 }), fc.nat({ max: 12 })), {
      minLength: 1,
    }),
  });

  it("has every row end at its context's last column, without its span", ({ expect }) => {
    fc.assert(
      fc.property(places, ({ length, spanLength: asked, rows }) => {
        const spanLength = Math.min(asked, length);
        const firsts = rows.map(([, first]) => Math.min(first, length - spanLength));
        const contexts = rows.map(([columns]) =>
          Float32Array.from({ length: columns * COLUMN_SIZE }, (_, i) => i + 1),
        );
        const part = { length, spanLength, firstColumns: Int32Array.from(firsts) };
        const joined = joinRows(contexts, COLUMN_SIZE, part, (size) => new Float32Array(size));
        const wanted = contexts.flatMap((context, row) => {
          const zeros = Array<number>(length * COLUMN_SIZE).fill(0);
          const placed = [...zeros, ...context].slice(-length * COLUMN_SIZE);
          placed.splice((firsts[row] ?? 0) * COLUMN_SIZE, spanLength * COLUMN_SIZE);
          return placed;
        });
        expect([...joined]).toEqual(wanted);
      }),
    );
  });
});
