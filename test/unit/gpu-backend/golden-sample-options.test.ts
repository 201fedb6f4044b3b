/** What `unmask sample` adds to the published samplers, on a real network and over processes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { runCli } from "../../../gpu-backend/cli.ts";
import { GOLDEN_DIRECTORY, readGolden } from "./golden-predictor.ts";

interface Printed {
  output_ids: number[][];
  nfe: number;
  steps?: unknown[];
  steps_saved?: number;
  text_end?: number | null;
  state?: string;
}

const CLI = join(import.meta.dirname, "..", "..", "..", "gpu-backend", "cli.ts");
const MODEL = "tiny-gqa";
const folder = mkdtempSync(join(tmpdir(), "sample-options-"));
afterAll(() => rmSync(folder, { recursive: true }));
const PROMPT = [[5, 17, 33]];

function words(command: string, request: string): string[] {
  const checkpoint = join(GOLDEN_DIRECTORY, MODEL);
  return [command, "--checkpoint", checkpoint, "--request", request, "--trace"];
}

async function unmask(command: string, request: object): Promise<Printed> {
  const file = join(folder, "request.json");
  writeFileSync(file, JSON.stringify(request));
  let [output, failure] = ["", ""];
  await runCli(words(command, file), {
    writeOutput: (text) => {
      output += text;
    },
    writeError: (text) => {
      failure += text;
    },
  });
  if (failure !== "") throw new Error(failure);
  return JSON.parse(output);
}

/** As {@link unmask}, in a process of its own. */
function unmaskElsewhere(command: string, request: object): Printed {
  const input = JSON.stringify(request);
  const output = execFileSync(process.execPath, [CLI, ...words(command, "-")], {
    input,
    encoding: "utf8",
  });
  return JSON.parse(output);
}

describe("unmask sample and unmask resume", () => {
  it("continue a stopped run in another process, step for step", async ({ expect }) => {
    const params = {
      gen_length: 12,
      block_length: 6,
      steps: 6,
      temperature: 0.8,
      seed: 11,
      revision_steps: 2,
    };
    const whole = await unmask("sample", { prompt_ids: PROMPT, params });
    const first = await unmask("sample", { prompt_ids: PROMPT, params, stop_after: 4 });
    const second = await unmask("resume", { state: first.state, stop_after: 1 });
    const third = unmaskElsewhere("resume", { state: second.state });
    expect([first.nfe, second.nfe, third.nfe]).toEqual([4, 1, whole.nfe - 5]);
    const steps = [first, second, third].flatMap((part) => part.steps ?? []);
    expect(steps).toEqual(whole.steps);
    expect(third.output_ids).toEqual(whole.output_ids);
    expect(third.steps_saved).toBe(whole.steps_saved);
  });

  it("end a run with its text and say what that saved", async ({ expect }) => {
    const { cases } = readGolden<{ cases: { model: string; params: object }[] }>("generate.json");
    const known = cases.find(({ model }) => model === MODEL)?.params;
    const params = { ...known, gen_length: 8, block_length: 8, steps: 8, cfg_scale: 0 };
    const whole = await unmask("sample", { prompt_ids: PROMPT, params });
    const [answer = []] = whole.output_ids.map((ids) => ids.slice(3));
    // The network ends no text by itself: the token of its third column is taken for the end.
    const eos_id = answer[2] ?? 0;
    const end = 3 + answer.indexOf(eos_id);
    const early = await unmask("sample", {
      prompt_ids: PROMPT,
      params: { ...params, eos_id, early_exit: true },
    });
    expect(early.output_ids).toEqual([whole.output_ids[0]?.slice(0, end + 1)]);
    expect(early.text_end).toBe(end);
    expect(early.nfe + (early.steps_saved ?? 0)).toBe(8);
  });

  it("grow a canvas up to its cap", async ({ expect }) => {
    const { output_ids, steps_saved, text_end } = await unmask("sample", {
      prompt_ids: PROMPT,
      params: {
        gen_length: 4,
        adaptive_length: { max_gen_length: 12, expansion_factor: 4, eos_check_tokens: 4 },
      },
    });
    expect(output_ids[0]).toHaveLength(3 + 12);
    expect(text_end).toBeNull();
    expect(steps_saved).toBeGreaterThan(0);
  });
});
