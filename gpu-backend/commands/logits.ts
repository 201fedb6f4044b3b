import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { type Checkpoint, readCheckpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import { type Command, requireFlag } from "./command.ts";
import { readRequest } from "./read-request.ts";

const index = z.int().nonnegative();
const requestSchema = z.strictObject({
  input_ids: z.array(z.array(index).min(1)).min(1),
  attention_mask: z.array(z.array(z.union([z.literal(0), z.literal(1)]))).nullish(),
  positions: z.array(z.tuple([index, index])),
});
type LogitsRequest = z.output<typeof requestSchema>;

/** `unmask logits`: the network's logits at given positions, for comparison with other programs. */
export const logitsCommand: Command = {
  usage: "logits --checkpoint DIR --request FILE",
  summary: "One forward pass: the logits at given positions of given rows.",
  examples: ["logits --checkpoint gpu-backend/model/default --request ids.json"],
  flags: { checkpoint: "required", request: "required" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), requestSchema);
    const checkpoint = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const batch = toBatch(request, checkpoint);
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      const { logits } = await predictor.predict(batch);
      return describeLogits(logits, predictor.logitCount);
    } finally {
      await predictor.close();
    }
  },
};

function toBatch(request: LogitsRequest, checkpoint: Checkpoint): CanvasBatch {
  const { input_ids: rows, positions } = request;
  const length = rows[0]?.length ?? 0;
  checkRows(rows, length, checkpoint);
  checkMask(request.attention_mask ?? null, rows.length, length);
  for (const [i, [row, column]] of positions.entries()) {
    const isInside = row < rows.length && column < length;
    demand(isInside, `positions.${i}`, "lies outside of input_ids");
  }
  return {
    rowCount: rows.length,
    length,
    tokenIds: Int32Array.from(rows.flat()),
    attended: request.attention_mask
      ? Uint8Array.from(request.attention_mask.flat())
      : new Uint8Array(rows.length * length).fill(1),
    candidateIndexes: Int32Array.from(positions, ([row, column]) => row * length + column),
  };
}

function checkRows(rows: readonly number[][], length: number, checkpoint: Checkpoint): void {
  const { maxSequenceLength, embeddingSize } = checkpoint.config;
  if (length > maxSequenceLength) {
    throw new ApiError(
      "context_length_exceeded",
      `The rows of input_ids have ${length} columns; the model takes ${maxSequenceLength}.`,
      { param: "input_ids" },
    );
  }
  for (const [i, row] of rows.entries()) {
    demand(row.length === length, `input_ids.${i}`, "differs in length from the first row");
    const outside = row.findIndex((id) => id >= embeddingSize);
    demand(outside === -1, `input_ids.${i}.${outside}`, `must be below ${embeddingSize}`);
  }
}

function checkMask(mask: readonly number[][] | null, rowCount: number, length: number): void {
  if (mask === null) {
    return;
  }
  demand(mask.length === rowCount, "attention_mask", "must have as many rows as input_ids");
  for (const [i, row] of mask.entries()) {
    demand(row.length === length, `attention_mask.${i}`, "must be as long as the row of input_ids");
  }
}

function demand(condition: boolean, param: string, complaint: string): void {
  if (!condition) {
    throw new ApiError("invalid_parameter", `The field ${param} ${complaint}.`, { param });
  }
}

/** Splits the logits into rows; `argmax` is the first of equal maxima. */
function describeLogits(
  logits: Float32Array,
  logitCount: number,
): { logits: number[][]; argmax: number[] } {
  const rows = Array.from({ length: logits.length / logitCount }, (_, i) =>
    logits.subarray(i * logitCount, (i + 1) * logitCount),
  );
  return {
    logits: rows.map((row) => [...row]),
    argmax: rows.map((row) => row.indexOf(row.reduce((best, value) => Math.max(best, value)))),
  };
}
