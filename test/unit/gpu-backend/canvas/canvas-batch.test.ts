import fc from "fast-check";
import { describe, it } from "vitest";
import { takeLogits } from "../../../../gpu-backend/canvas/candidate-choices.ts";
import {
  type CanvasBatch,
  type PredictorRow,
  packRows,
  passShape,
  splitAnswer,
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

/** Hands each row the flat indexes of its candidates, as if they were logits. */
function splitIndexes(given: readonly PredictorRow[], batch: CanvasBatch): Float32Array[] {
  const logits = Float32Array.from(batch.candidateIndexes);
  return takeLogits(splitAnswer(given, { logits, choices: null }, 1));
}

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
        const split = splitIndexes(given, batch);
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

describe("splitAnswer", () => {
  it("gives views, not copies", ({ expect }) => {
    const row = (columns: number[]) => ({
      tokenIds: new Int32Array(3),
      attended: null,
      candidateColumns: Int32Array.from(columns),
    });
    const logits = new Float32Array(6);
    const rowsOfAll = [row([0, 2]), row([]), row([1])];
    const views = takeLogits(splitAnswer(rowsOfAll, { logits, choices: null }, 2));
    expect(views.map((view) => view.length)).toEqual([4, 0, 2]);
    expect(views.every((view) => view.buffer === logits.buffer)).toBe(true);
  });
});

/** Rows that feed columns 2 to 5 of their own ids, in a context of other ids. */
const spans = rows
  .map((given) => given.filter(({ tokenIds }) => tokenIds.length >= 5))
  .filter((given) => given.length > 0)
  .map((given) =>
    given.map((row) => ({
      ...row,
      candidateColumns: row.candidateColumns.filter((column) => column >= 2 && column < 5),
      span: { start: 2, end: 5, contextTokenIds: row.tokenIds.map((id) => id + 100) },
    })),
  );

describe("packRows with spans", () => {
  it("feeds the span alone, at its place in the padded context", ({ expect }) => {
    fc.assert(
      fc.property(spans, (given) => {
        const batch = packRows(given, 12);
        expect(batch.length).toBe(3);
        for (const [index, row] of given.entries()) {
          const end = (index + 1) * 12;
          const start = end - row.tokenIds.length;
          expect(batch.tokenIds.slice(index * 3, index * 3 + 3)).toEqual(row.tokenIds.slice(2, 5));
          expect(batch.context?.tokenIds.slice(start, end)).toEqual(row.span.contextTokenIds);
          expect(batch.context?.firstColumns[index]).toBe(start - index * 12 + 2);
          const attended = row.attended ?? new Uint8Array(row.tokenIds.length).fill(1);
          expect(batch.context?.attended.slice(start, end)).toEqual(attended);
          expect(batch.attended.slice(index * 3, index * 3 + 3)).toEqual(attended.slice(2, 5));
        }
      }),
    );
  });

  it("finds every wanted column of a span again", ({ expect }) => {
    fc.assert(
      fc.property(spans, (given) => {
        const batch = packRows(given, 12);
        const split = splitIndexes(given, batch);
        for (const [index, row] of given.entries()) {
          const columns = [...(split[index] ?? [])].map((flat) => flat - index * 3 + 2);
          expect(columns).toEqual([...row.candidateColumns]);
        }
      }),
    );
  });

  it("refuses rows of two shapes and candidates outside the span", ({ expect }) => {
    const tokenIds = Int32Array.of(1, 2, 3);
    const whole = { tokenIds, attended: null, candidateColumns: Int32Array.of(1) };
    const span = { ...whole, span: { start: 1, end: 2, contextTokenIds: tokenIds } };
    const wider = { ...whole, span: { start: 0, end: 2, contextTokenIds: tokenIds } };
    const outside = { ...span, candidateColumns: Int32Array.of(0) };
    for (const given of [[whole, span], [span, whole], [span, wider], [outside]]) {
      expect(() => packRows(given, 4)).toThrow(RangeError);
    }
  });
});

describe("rows that ask for choices", () => {
  const row = (columns: number[], named?: number[]): PredictorRow => ({
    tokenIds: new Int32Array(3),
    attended: null,
    candidateColumns: Int32Array.from(columns),
    ...(named === undefined ? {} : { namedTokenIds: Int32Array.from(named) }),
  });

  it("get theirs back beside rows that ask for logits", ({ expect }) => {
    const given = [row([0, 2]), row([1], [7]), row([2]), row([], [7]), row([0, 1], [7])];
    const batch = packRows(given, 4);
    expect(batch.choices?.candidateRows).toEqual(Int32Array.of(2, 4, 5));
    expect(batch.choices?.namedTokenIds).toEqual(Int32Array.of(7));
    const logits = Float32Array.of(0, 1, 3);
    const choices = {
      rankedIds: Int32Array.of(2, 20, 4, 40, 5, 50),
      rankedLogits: Float32Array.of(2, 20, 4, 40, 5, 50),
      rankedCount: 2,
      namedLogits: Float32Array.of(2, 4, 5),
      namedCount: 1,
      restLogSums: Float64Array.of(2, 4, 5),
    };
    const answers = splitAnswer(given, { logits, choices }, 1);
    expect(answers[0]).toEqual(Float32Array.of(0, 1));
    expect(answers[2]).toEqual(Float32Array.of(3));
    expect(answers[1]).toMatchObject({ rankedIds: Int32Array.of(2, 20) });
    expect(answers[3]).toMatchObject({ restLogSums: Float64Array.of() });
    expect(answers[4]).toMatchObject({
      rankedLogits: Float32Array.of(4, 40, 5, 50),
      namedLogits: Float32Array.of(4, 5),
    });
    expect(() => takeLogits(answers)).toThrow(RangeError);
  });

  it("name the same ids", ({ expect }) => {
    expect(() => packRows([row([0], [7]), row([0], [8])], 4)).toThrow(RangeError);
  });
});

describe("passShape", () => {
  it("is one for rows that may share a pass, and no other", ({ expect }) => {
    const keyOf = (rowLength: number, spanLength: number | null) =>
      passShape(rowLength, spanLength, 512).key;
    expect(keyOf(33, null)).toBe(keyOf(40, null));
    expect(keyOf(33, 8)).toBe(keyOf(64, 8));
    const different = [
      keyOf(32, null),
      keyOf(33, null),
      keyOf(41, null),
      keyOf(33, 8),
      keyOf(33, 9),
      keyOf(32, 8),
    ];
    expect(new Set(different).size).toBe(different.length);
  });

  it("pads a whole row closely, and the context of a span so that many share it", ({ expect }) => {
    expect(passShape(33, null, 512)).toMatchObject({ length: 40, fedLength: 40, wholeLength: 40 });
    expect(passShape(33, 8, 512)).toMatchObject({ length: 64, fedLength: 8, wholeLength: 40 });
  });

  it("pads whole rows as spans' contexts where they are to share passes", ({ expect }) => {
    const shape = passShape(33, null, 512, 32);
    expect(shape).toMatchObject({ length: 64, fedLength: 64, wholeLength: 64 });
  });
});
