/**
 * What a step costs beside the network: scheduling, packing, two hops between threads, committing, telling.
 *
 * Time outside `session.run` as a share of the step, in each session's thread, median over steady steps.
 */
import { readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
} from "../../../shared/contracts/node-wire.ts";
import type { BenchPart, BenchReport } from "../part.ts";
import { BenchEngine, exactParameters } from "./bench-engine.ts";
import { MODEL_FOLDER } from "./bench-model.ts";
import { BLOCK_LENGTH, makePrompt } from "./canvas-rows.ts";
import { withNodePredictor } from "./node-defaults.ts";
import { RunLog } from "./run-log.ts";
import { outsideShare, steadySteps } from "./step-times.ts";

const REQUESTS = 8;
const PROMPT_LENGTH = 160;
const NEW_TOKENS = 32;

/** `overhead`. */
export const overheadPart: BenchPart = {
  name: "overhead",
  async run(options, report) {
    const log = RunLog.open();
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    await withNodePredictor(checkpoint, async (predictor) => {
      const bench = await BenchEngine.create(checkpoint, predictor);
      const rounds = options.isQuick ? 1 : 3;
      const whole = exactParameters(NEW_TOKENS, BLOCK_LENGTH);
      const cached = generationParametersSchema.parse({ ...whole, cache: "dual" });
      const measure = async (length: number, parameters: GenerationParameters) => {
        log.clear();
        for (let round = 0; round < rounds; round += 1) {
          report.tell(`${REQUESTS} requests at once, passes of ${length} columns`);
          const requests = Array.from({ length: REQUESTS }, (_, seed) => ({
            tier: "quality" as const,
            promptTokenIds: makePrompt(checkpoint.config, PROMPT_LENGTH, seed),
            parameters,
          }));
          await bench.run(requests);
        }
        addFigures(length, log, report);
      };
      await measure(PROMPT_LENGTH + NEW_TOKENS, whole);
      await measure(BLOCK_LENGTH, cached);
    });
  },
};

function addFigures(length: number, log: RunLog, report: BenchReport): void {
  const steps = steadySteps(log.read(), (record) => record.length === length);
  const rows = new Set(steps.map((step) => step.rows));
  report.tell(`rows of a pass: ${[...rows].join(", ")}`);
  report.add(`overhead_8x${length}`, {
    value: outsideShare(steps),
    unit: "share of a step outside session.run",
    runs: steps.length,
  });
}
