/** A node on a machine that lacks what its setting asks for. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, it } from "vitest";
import { quantizeFolder } from "../../support/quantize-folder.ts";
import { writeCheckpoint } from "../../support/write-checkpoint.ts";
import { SECRET } from "./server/test-node.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const TIMEOUT_MS = 180_000;
const SETTING = "UNMASK_EXECUTION_PROVIDER";

/** Hides the devices of a machine that has some. */
const NO_DEVICE = { CUDA_VISIBLE_DEVICES: "", VK_DRIVER_FILES: "none", VK_ICD_FILENAMES: "none" };

const folder = mkdtempSync(join(tmpdir(), "unmask-provider-"));
const plain = join(folder, "plain");

/** A random network under the tokenizer of the fixtures. */
beforeAll(() => {
  const config = {
    vocab_size: 284,
    embedding_size: 288,
    mask_token_id: 280,
    eos_token_id: 279,
    pad_token_id: 279,
  };
  writeCheckpoint(plain, { config });
  copyTokenizer(plain);
});
afterAll(() => rmSync(folder, { recursive: true }));

function copyTokenizer(directory: string): void {
  cpSync(join(ROOT, "test", "fixtures", "tokenizer"), directory, { recursive: true });
}

/** Runs a node until it ends by itself; the runtime's native parts may write lines of their own. */
async function runNode(provider: string, checkpoint: string) {
  const child = spawn(process.execPath, [join(ROOT, "gpu-backend", "main.ts")], {
    env: {
      PATH: process.env["PATH"],
      UNMASK_GRANT_SECRET: SECRET,
      UNMASK_CHECKPOINT: checkpoint,
      [SETTING]: provider,
      ...NO_DEVICE,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.once("data", () => child.kill("SIGKILL"));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [exitCode, output, errors] = await Promise.all([
    ended,
    text(child.stdout),
    text(child.stderr),
  ]);
  const records = errors.split("\n").filter((line) => line.startsWith("{"));
  return { exitCode, output, records: records.map((line) => JSON.parse(line)) };
}

describe("a node's execution provider", () => {
  const isMac = process.platform === "darwin";
  it.for(["cuda", "tensorrt", ...(isMac ? [] : ["webgpu"])])(
    "is refused in the setting's name where the machine has none: %s",
    { timeout: TIMEOUT_MS },
    async (provider, { expect }) => {
      const { exitCode, output, records } = await runNode(provider, plain);
      expect({ exitCode, output }).toEqual({ exitCode: 2, output: "" });
      expect(records).toEqual([
        expect.objectContaining({ event: "not_started", level: "error", code: "session_failed" }),
      ]);
      expect(records[0]?.message).toContain(`on ${provider}, which ${SETTING} asks for`);
      expect(records[0]?.message).not.toContain(folder);
    },
  );

  it.for(["int8", "int4"] as const)(
    "must be cpu for a quantised checkpoint: %s",
    { timeout: TIMEOUT_MS },
    async (quantization, { expect }) => {
      const directory = join(folder, quantization);
      await quantizeFolder(plain, directory, quantization);
      copyTokenizer(directory);
      const runs = await Promise.all(
        ["cuda", "tensorrt", "webgpu"].map((provider) => runNode(provider, directory)),
      );
      for (const { exitCode, output, records } of runs) {
        expect({ exitCode, output }).toEqual({ exitCode: 2, output: "" });
        expect(records).toEqual([
          expect.objectContaining({ event: "not_started", code: "config_not_supported" }),
        ]);
        expect(records[0]?.message).toContain(`${SETTING} must be cpu`);
      }
    },
  );
});
