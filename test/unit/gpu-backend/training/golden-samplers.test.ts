/** The samplers that the benchmark compares with, against the published ones; runs where PyTorch is installed. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..", "..");
const PYTHON = "/usr/bin/python3";
const hasTorch = spawnSync(PYTHON, ["-c", "import torch"]).status === 0;

if (!hasTorch) {
  process.stderr.write(
    "\nSKIPPED: PyTorch is not installed for /usr/bin/python3, so the benchmark's peers were NOT\n" +
      "compared with test/golden/fast.json.\n" +
      "  apt-get install python3-torch python3-numpy libopenblas0-pthread\n\n",
  );
}

describe("gpu-backend/training/fast_dllm.py", () => {
  it.skipIf(!hasTorch)(
    "gives the published ids and passes on the golden checkpoints",
    { timeout: 120_000 },
    ({ expect }) => {
      const run = spawnSync(PYTHON, ["test/training/check_samplers.py", "test/golden"], {
        cwd: root,
        encoding: "utf8",
      });
      expect(run.stdout + run.stderr).toMatch(/^[1-9]\d* passed, 0 failed$/m);
      expect(run.status).toBe(0);
    },
  );
});
