import fc from "fast-check";
import { describe, it } from "vitest";
import {
  type PredictorRow,
  packRows,
  splitLogits,
} from "../../../../gpu-backend/canvas/canvas-batch.ts";

const rows: fc.Arbitrary<PredictorRow[]> = fc.array(
  fc
    .array(fc.record({ id: fc.nat(50), attended: fc.nat(1), isCandidate: fc.boolean() }), {
      minLength: 1,
      maxLength: 12,
    })
    .map((columns) => ({
      tokenIds: Int32Array.from(columns, ({ id }) => id),
      attended: columns.every(({ attended }) => attended === 1)
        ? null
        : Uint8Array.from(columns, ({ attended }) => attended),
      candidateColumns: Int32Array.from(
        columns.flatMap(({ isCandidate }, column) => (isCandidate ? [column] : [])),
      ),
    })),
  { minLength: 1, maxLength: 5 },
);

describe("packRows", () => {
  it("ends every row at the last column and attends to nothing before it", ({ expect }) => {
    fc.assert(
      fc.property(rows, (given) => {
        const batch = packRows(given, 12);
        for (const [index, row] of given.entries()) {
          const end = (index + 1) * 12;
          const start = end - row.tokenIds.length;
          expect(batch.tokenIds.slice(start, end)).toEqual(row.tokenIds);
          const attended = row.attended ?? new Uint8Array(row.tokenIds.length).fill(1);
          expect(batch.attended.slice(start, end)).toEqual(attended);
          expect(batch.attended.slice(index * 12, start).every((flag) => flag === 0)).toBe(true);
        }
      }),
    );
  });

  it("lists every wanted column once, ascending, and finds it again", ({ expect }) => {
    fc.assert(
      fc.property(rows, (given) => {
        const batch = packRows(given, 12);
        expect([...batch.candidateIndexes]).toEqual(
          [...batch.candidateIndexes].sort((a, b) => a - b),
        );
        const logits = Float32Array.from(batch.candidateIndexes).slice();
        const split = splitLogits(given, logits, 1);
        for (const [index, row] of given.entries()) {
          const start = (index + 1) * 12 - row.tokenIds.length;
          expect([...(split[index] ?? [])].map((flat) => flat - start)).toEqual([
            ...row.candidateColumns,
          ]);
        }
      }),
    );
  });

  it("refuses a row longer than the batch", ({ expect }) => {
    const row = {
      tokenIds: new Int32Array(5),
      attended: null,
      candidateColumns: new Int32Array(0),
    };
    expect(() => packRows([row], 4)).toThrow(RangeError);
  });
});

describe("splitLogits", () => {
  it("gives views, not copies", ({ expect }) => {
    const row = (columns: number[]) => ({
      tokenIds: new Int32Array(3),
      attended: null,
      candidateColumns: Int32Array.from(columns),
    });
    const logits = new Float32Array(6);
    const views = splitLogits([row([0, 2]), row([]), row([1])], logits, 2);
    expect(views.map((view) => view.length)).toEqual([4, 0, 2]);
    expect(views.every((view) => view.buffer === logits.buffer)).toBe(true);
  });
});
