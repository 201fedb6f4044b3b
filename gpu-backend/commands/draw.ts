import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { type CanvasCell, drawCanvas } from "../evaluation/draw-canvas.ts";
import { readCheckpoint } from "../model/checkpoint.ts";
import { loadTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import { type Command, requireFlag } from "./command.ts";
import { readRequest } from "./read-request.ts";
import { sampleCommand } from "./sample.ts";
import { readPrompt, sampleRequestSchema } from "./sample-request.ts";

const rowSchema = z.object({
  positions: z.array(z.int()),
  confidence: z.array(z.number()),
  selected: z.array(z.int()),
});
const traceSchema = z.object({
  output_ids: z.tuple([z.array(z.int())]),
  nfe: z.int(),
  text: z.string(),
  steps: z.array(z.union([z.object({ rows: z.tuple([rowSchema]) }), rowSchema])),
});
type Trace = z.infer<typeof traceSchema>;

/** `unmask draw`: a generation as an animated picture of its canvas. */
export const drawCommand: Command = {
  usage: "draw --checkpoint DIR --request FILE --out FILE.svg",
  summary: "Samples a text as `sample` does and draws how its canvas filled in.",
  examples: ["draw --checkpoint gpu-backend/model/default --request request.json --out canvas.svg"],
  flags: { checkpoint: "required", request: "required", out: "required" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), sampleRequestSchema);
    const prompt = readPrompt(request);
    const { checkpoint, request: file } = flags;
    const sampled = await sampleCommand.run({ checkpoint, request: file, trace: "" });
    const trace = traceSchema.parse(sampled);
    const { directory, config } = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const tokenizer = await loadTokenizer(directory, config);
    const title =
      prompt.field === "messages" ? (prompt.messages.at(-1)?.content ?? "") : trace.text;
    await writeFile(requireFlag(flags, "out"), drawCanvas(title, readCells(trace, tokenizer)));
    return { file: flags["out"], nfe: trace.nfe, text: trace.text };
  },
};

/** The positions up to the first special token, in canvas order. */
function readCells(trace: Trace, tokenizer: Tokenizer): CanvasCell[] {
  const [ids] = trace.output_ids;
  const cells = new Map<number, CanvasCell>();
  for (const [index, step] of trace.steps.entries()) {
    const row = "rows" in step ? step.rows[0] : step;
    for (const column of row.selected) {
      const confidence = row.confidence[row.positions.indexOf(column)] ?? 0;
      const text = tokenizer.decodeToken(ids[column] ?? 0);
      cells.set(column, { text, step: index + 1, confidence });
    }
  }
  const columns = [...cells.keys()].sort((a, b) => a - b);
  const end = columns.findIndex((column) => tokenizer.isSpecial(ids[column] ?? 0));
  return columns
    .slice(0, end === -1 ? columns.length : end)
    .flatMap((column) => cells.get(column) ?? []);
}
