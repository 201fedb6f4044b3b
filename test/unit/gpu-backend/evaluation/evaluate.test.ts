/** `npm run evaluate` as a program. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";

const PROGRAM = new URL("../../../../gpu-backend/evaluation/evaluate.ts", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "evaluate-"));

afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  return spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8" });
}

describe("npm run evaluate", () => {
  it("measures without a corpus what needs none, and says what it leaves out", {
    timeout: 120_000,
  }, ({ expect }) => {
    const file = join(folder, "evaluation.json");
    const { status, stderr } = run("--quick", "--only", "decoders,reversal", "--json", file);
    expect(stderr).toContain("SKIPPED reversal_*: needs --data CORPUS");
    expect(status).toBe(0);
    const document = JSON.parse(readFileSync(file, "utf8"));
    expect(document).toMatchObject({
      is_quick: true,
      failed: {},
      model: { parameters: 4_798_720 },
      results: { decoder_exact_quality: { unit: "fraction" } },
    });
    expect(document.results.decoder_dual_cache_positions_saved.value).toBeGreaterThan(0);
    expect(document.results.decoder_dual_cache_passes_saved.value).toBe(0);
  });

  it.for([
    [["--only", "novel"], "there is no part novel"],
    [["--novel"], "--novel"],
    [["--data", join(folder, "nowhere")], "poem_pairs.json"],
    [["--twin", join(folder, "nowhere")], "config.json"],
    [["--record"], "needs --data and --twin"],
    [["--record", "--data", "x", "--twin", "y", "--quick"], "goes with neither"],
  ] as const)("refuses %j", { timeout: 60_000 }, ([args, said], { expect }) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(said);
    expect(stderr).toContain("usage: npm run evaluate");
  });

  it("refuses a model that denoises where a twin is asked for", { timeout: 60_000 }, ({
    expect,
  }) => {
    const embedded = new URL("../../../../gpu-backend/model/default", import.meta.url).pathname;
    const { status, stderr } = run("--twin", embedded);
    expect(status).toBe(2);
    expect(stderr).toContain("unmask_causal");
  });
});
