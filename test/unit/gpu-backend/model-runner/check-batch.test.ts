import { describe, it } from "vitest";
import type {
  BatchChoices,
  BatchContext,
  CanvasBatch,
} from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { checkBatch } from "../../../../gpu-backend/model-runner/check-batch.ts";

const LIMITS = { maxLength: 4, tokenIdCount: 10 };
const BATCH: CanvasBatch = {
  rowCount: 2,
  length: 3,
  tokenIds: Int32Array.of(0, 9, 1, 2, 3, 4),
  attended: Uint8Array.of(0, 1, 1, 1, 1, 0),
  candidateIndexes: Int32Array.of(0, 5),
};

const CHOICES: BatchChoices = {
  candidateRows: Int32Array.of(0, 1),
  namedTokenIds: Int32Array.of(9),
};

/** The spans of three columns lie at the beginning and the end of four. */
const CONTEXT: BatchContext = {
  length: 4,
  tokenIds: new Int32Array(8).fill(9),
  attended: new Uint8Array(8).fill(1),
  firstColumns: Int32Array.of(0, 1),
};

/** The first row begins at the second column. */
const PADDED = { attended: Uint8Array.of(0, 1, 1, 1, 1, 1, 1, 1) };

describe("checkBatch", () => {
  it("accepts ids, masks and candidates at their limits", ({ expect }) => {
    expect(() => checkBatch(BATCH, LIMITS)).not.toThrow();
    expect(() => checkBatch({ ...BATCH, choices: CHOICES }, LIMITS)).not.toThrow();
    const spans = { ...BATCH, context: CONTEXT };
    expect(() => checkBatch(spans, LIMITS)).not.toThrow();
    const shorter = { ...CONTEXT, ...PADDED, wholeLengths: Int32Array.of(3, 4) };
    expect(() => checkBatch({ ...BATCH, context: shorter }, LIMITS)).not.toThrow();
    expect(() => checkBatch({ ...BATCH, contextRows: Int32Array.of(0, 1) }, LIMITS)).not.toThrow();
  });

  it.for([
    ["rowCount", { rowCount: 0 }],
    ["rowCount", { rowCount: 1.5 }],
    ["length", { length: 0 }],
    ["length", { length: 5, rowCount: 1 }],
    ["tokenIds", { tokenIds: Int32Array.of(1, 2, 3) }],
    ["tokenIds", { tokenIds: Int32Array.of(0, 0, 0, 0, 0, 10) }],
    ["tokenIds", { tokenIds: Int32Array.of(0, 0, 0, 0, 0, -1) }],
    ["attended", { attended: new Uint8Array(5) }],
    ["attended", { attended: Uint8Array.of(1, 1, 1, 1, 1, 2) }],
    ["candidateIndexes", { candidateIndexes: Int32Array.of(6) }],
    ["candidateIndexes", { candidateIndexes: Int32Array.of(-1) }],
    ["choices.candidateRows", { choices: { ...CHOICES, candidateRows: Int32Array.of(0, 2) } }],
    ["choices.candidateRows", { choices: { ...CHOICES, candidateRows: Int32Array.of(1, 0) } }],
    ["choices.candidateRows", { choices: { ...CHOICES, candidateRows: Int32Array.of(-1) } }],
    ["choices.namedTokenIds", { choices: { ...CHOICES, namedTokenIds: Int32Array.of() } }],
    ["choices.namedTokenIds", { choices: { ...CHOICES, namedTokenIds: Int32Array.of(10) } }],
    ["contextRows", { contextRows: Int32Array.of(0, 2) }],
    ["length", { context: { ...CONTEXT, length: 5 } }],
    ["tokenIds", { context: { ...CONTEXT, tokenIds: Int32Array.of(1) } }],
    ["tokenIds", { context: { ...CONTEXT, tokenIds: new Int32Array(8).fill(10) } }],
    ["attended", { context: { ...CONTEXT, attended: new Uint8Array(7) } }],
    ["context.firstColumns", { context: { ...CONTEXT, firstColumns: Int32Array.of(1) } }],
    ["context.firstColumns", { context: { ...CONTEXT, firstColumns: Int32Array.of(0, 2) } }],
    ["context.firstColumns", { context: { ...CONTEXT, firstColumns: Int32Array.of(-1, 0) } }],
    ["context.wholeLengths", { context: { ...CONTEXT, wholeLengths: Int32Array.of(4) } }],
    ["context.wholeLengths", { context: { ...CONTEXT, wholeLengths: Int32Array.of(4, 5) } }],
    ["context.wholeLengths", { context: { ...CONTEXT, wholeLengths: Int32Array.of(4, 0) } }],
    ["context.wholeLengths", { context: { ...CONTEXT, wholeLengths: Int32Array.of(3, 4) } }],
    [
      "context.wholeLengths",
      { context: { ...CONTEXT, ...PADDED, wholeLengths: Int32Array.of(2, 4) } },
    ],
  ] as const)("refuses and names %s: %j", ([param, change], { expect }) => {
    expect(() => checkBatch({ ...BATCH, ...change }, LIMITS)).toThrowError(
      expect.objectContaining({ code: "invalid_parameter", param }),
    );
  });
});
