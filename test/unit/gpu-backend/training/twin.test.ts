/** The autoregressive twin's mask and loss; runs where PyTorch is installed. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..", "..");
const PYTHON = "/usr/bin/python3";
const hasTorch = spawnSync(PYTHON, ["-c", "import torch"]).status === 0;

if (!hasTorch) {
  process.stderr.write(
    "\nSKIPPED: PyTorch is not installed for /usr/bin/python3, so the twin's mask and loss were NOT checked.\n" +
      "  apt-get install python3-torch python3-numpy libopenblas0-pthread\n\n",
  );
}

describe("gpu-backend/training, --twin", () => {
  it.skipIf(!hasTorch)(
    "sees no later column, and is charged for each token given those before it",
    { timeout: 120_000 },
    ({ expect }) => {
      const run = spawnSync(PYTHON, ["test/training/check_twin.py"], {
        cwd: root,
        encoding: "utf8",
      });
      expect(run.stdout + run.stderr).toMatch(/^[1-9]\d* passed, 0 failed$/m);
      expect(run.status).toBe(0);
    },
  );
});
