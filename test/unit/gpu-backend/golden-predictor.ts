import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

/** Where the golden files and checkpoints lie. */
export const GOLDEN_DIRECTORY = join(import.meta.dirname, "..", "..", "golden");

/** Parses one of the golden files. */
export function readGolden<Content>(file: string): Content {
  return JSON.parse(readFileSync(join(GOLDEN_DIRECTORY, file), "utf8")) as Content;
}

/** Sessions on the golden checkpoints, each opened once. */
export class GoldenPredictors {
  readonly #open = new Map<string, Promise<MaskPredictor>>();

  /** The predictor of the checkpoint called `model`. */
  get(model: string): Promise<MaskPredictor> {
    const known = this.#open.get(model);
    if (known !== undefined) return known;
    const opening = readCheckpoint(join(GOLDEN_DIRECTORY, model)).then((checkpoint) =>
      createMaskPredictor(checkpoint, { executionProvider: "cpu", intraOpThreads: 1 }),
    );
    this.#open.set(model, opening);
    return opening;
  }

  async closeAll(): Promise<void> {
    for (const opening of this.#open.values()) await (await opening).close();
  }
}
