/** LLaDA's published `generate()` through the command line, as a process of its own. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "vitest";
import { GOLDEN_DIRECTORY, readGolden } from "./golden-predictor.ts";

interface GoldenCase {
  name: string;
  model: string;
  params: Record<string, unknown>;
  prompt_ids: number[][];
  attention_mask: number[][] | null;
  noise?: unknown;
  output_ids: number[][];
  nfe: number;
  steps: { rows: { confidence: number[] }[] }[];
}

const CLI = join(import.meta.dirname, "..", "..", "..", "gpu-backend", "cli.ts");
const CONFIDENCE_TOLERANCE = 1e-4;
const CASES = {
  "generate.json": ["blocks", "cfg_1.5_batch_pad"],
  "sampled.json": ["temperature_0.7_confidence_flag"],
};

const FAST_CASES = ["threshold_t0.5", "prefix_cache_t0.9", "dual_cache_gqa_t0.5"];

function sample(golden: GoldenCase): GoldenCase {
  const { prompt_ids, attention_mask, params, noise, model } = golden;
  return runSample(model, { prompt_ids, attention_mask, params, noise }) as GoldenCase;
}

function runSample(model: string, request: object): unknown {
  const output = execFileSync(
    process.execPath,
    [CLI, "sample", "--checkpoint", join(GOLDEN_DIRECTORY, model), "--request", "-", "--trace"],
    { input: JSON.stringify(request), encoding: "utf8" },
  );
  return JSON.parse(output);
}

/** Every value but the confidences, which have a tolerance of their own. */
function withoutConfidence(steps: GoldenCase["steps"]): unknown {
  return steps.map(({ rows, ...step }) => ({
    ...step,
    rows: rows.map(({ confidence: _, ...row }) => row),
  }));
}

function confidences(steps: GoldenCase["steps"]): number[] {
  return steps.flatMap(({ rows }) => rows.flatMap((row) => row.confidence));
}

describe("unmask sample", () => {
  for (const [file, names] of Object.entries(CASES)) {
    const { cases } = readGolden<{ cases: GoldenCase[] }>(file);
    for (const golden of cases.filter(({ name }) => names.includes(name))) {
      it(`prints the published run: ${file} ${golden.name}`, ({ expect }) => {
        const printed = sample(golden);
        expect(Object.keys(printed)).toEqual(["output_ids", "nfe", "steps"]);
        expect(printed.output_ids).toEqual(golden.output_ids);
        expect(printed.nfe).toBe(golden.nfe);
        expect(withoutConfidence(printed.steps)).toEqual(withoutConfidence(golden.steps));
        const published = confidences(golden.steps);
        const distances = confidences(printed.steps).map((confidence, i) =>
          Math.abs(confidence - (published[i] ?? Number.NaN)),
        );
        expect(Math.max(...distances)).toBeLessThanOrEqual(CONFIDENCE_TOLERANCE);
      });
    }
  }
});

interface FastCase extends Omit<GoldenCase, "steps"> {
  algorithm: string;
  steps: { confidence: number[] }[];
}

describe("unmask sample with a fastdllm algorithm", () => {
  const { cases } = readGolden<{ cases: FastCase[] }>("fast.json");
  for (const golden of cases.filter(({ name }) => FAST_CASES.includes(name))) {
    it(`prints the published run: ${golden.name}`, ({ expect }) => {
      const { prompt_ids, algorithm, params, model } = golden;
      const printed = runSample(model, {
        prompt_ids,
        params: { ...params, algorithm },
      }) as FastCase;
      expect(printed.output_ids).toEqual(golden.output_ids);
      expect(printed.nfe).toBe(golden.nfe);
      expect(printed.steps.map(({ confidence: _, ...step }) => step)).toEqual(
        golden.steps.map(({ confidence: _, ...step }) => step),
      );
      const published = golden.steps.flatMap((step) => step.confidence);
      const distances = printed.steps
        .flatMap((step) => step.confidence)
        .map((confidence, i) => Math.abs(confidence - (published[i] ?? Number.NaN)));
      expect(Math.max(...distances)).toBeLessThanOrEqual(CONFIDENCE_TOLERANCE);
    });
  }
});
