/** The network on WebGPU, by a software GPU that lies beside the browser's files: no machine needs a device. */
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, it } from "vitest";
import { unpackChromium } from "../../../support/unpack-chromium.ts";
import { readGolden } from "../golden-predictor.ts";
import type { ProviderPasses } from "./provider-passes.ts";

const PROGRAM = join(import.meta.dirname, "provider-passes.ts");
/** A software GPU compiles every kernel first, and the machine may be busy. */
const TIMEOUT_MS = 600_000;
/** Largest difference of a logit between the providers; the logits of these networks reach 14. */
const LOGIT_TOLERANCE = 2e-4;
const CONFIDENCE_TOLERANCE = 2e-5;

const isHere = process.platform === "linux" && process.arch === "x64";
const reason = `SwiftShader is packed for Linux x64, and this is ${process.platform} ${process.arch}`;
if (!isHere) process.stderr.write(`SKIPPED, WebGPU is not tested: ${reason}\n`);

async function runOn(provider: "cpu" | "webgpu", golden: string): Promise<ProviderPasses> {
  const folder = dirname((await unpackChromium()).executablePath);
  const driver = join(folder, "vk_swiftshader_icd.json");
  const env = {
    PATH: process.env["PATH"],
    LD_LIBRARY_PATH: folder,
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
  };
  const options = { env, maxBuffer: 2 ** 26 };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [PROGRAM, provider, golden],
    options,
  );
  return JSON.parse(stdout);
}

function largestDifference(found: readonly number[], wanted: readonly number[]): number {
  if (found.length !== wanted.length || wanted.length === 0) return Number.NaN;
  return Math.max(...found.map((value, i) => Math.abs(value - (wanted[i] ?? Number.NaN))));
}

describe("the webgpu execution provider", () => {
  it.for(["gqa_blocks", "bf16_blocks"])(
    "answers as the cpu does and generates the published ids: %s",
    { timeout: TIMEOUT_MS },
    async (name, { expect, skip }) => {
      skip(!isHere, reason);
      const cpu = await runOn("cpu", name);
      const webgpu = await runOn("webgpu", name);

      const parts = ["logits", "spanLogits", "rankedLogits", "namedLogits", "restLogSums"] as const;
      for (const part of parts) {
        expect(largestDifference(webgpu[part], cpu[part]), part).toBeLessThan(LOGIT_TOLERANCE);
      }
      expect(webgpu.rankedIds).toEqual(cpu.rankedIds);
      // A provider that gave way to the other would agree to the bit.
      expect(webgpu.logits).not.toEqual(cpu.logits);

      const { cases } = readGolden<{ cases: { name: string; output_ids: number[][] }[] }>(
        "generate.json",
      );
      expect(webgpu.canvas).toEqual(cases.find((golden) => golden.name === name)?.output_ids[0]);
      const difference = largestDifference(webgpu.confidences, cpu.confidences);
      expect(difference).toBeLessThan(CONFIDENCE_TOLERANCE);
    },
  );
});
