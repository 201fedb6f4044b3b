import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, describe, it } from "vitest";
import { runCli } from "../../../gpu-backend/cli.ts";

const CLI = new URL("../../../gpu-backend/cli.ts", import.meta.url).pathname;
const GOLDEN = new URL("../../golden/", import.meta.url).pathname;
const MODEL = join(GOLDEN, "tiny-gqa");
const folder = mkdtempSync(join(tmpdir(), "cli-"));

afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly error: string;
}

async function run(...args: string[]): Promise<Outcome> {
  let [output, error] = ["", ""];
  const code = await runCli(args, {
    writeOutput: (chunk) => {
      output += chunk;
    },
    writeError: (chunk) => {
      error += chunk;
    },
  });
  return { code, output, error };
}

/** The command line as its own process. */
async function runProcess(args: readonly string[], input = "", entry = CLI): Promise<Outcome> {
  const child = spawn(process.execPath, [entry, ...args]);
  child.stdin.end(input);
  const [output, error, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("exit", resolve)),
  ]);
  return { code, output, error };
}

function runLogits(request: unknown, model = MODEL): Promise<Outcome> {
  const file = join(folder, "request.json");
  writeFileSync(file, typeof request === "string" ? request : JSON.stringify(request));
  return run("logits", "--checkpoint", model, "--request", file);
}

function failureOf(outcome: Outcome): unknown {
  return JSON.parse(outcome.error.split("\n")[0] ?? "").error;
}

describe("the command line", () => {
  it.for([["--help"], ["-h"], ["help"]] as const)(
    "%s lists the commands",
    async (args, { expect }) => {
      const { code, output, error } = await run(...args);
      expect({ code, error }).toEqual({ code: 0, error: "" });
      expect(output).toContain("usage: unmask");
      expect(output).toContain("logits --checkpoint DIR --request FILE");
    },
  );

  it("shows a command's usage", async ({ expect }) => {
    const { code, output } = await run("logits", "--help");
    expect(code).toBe(0);
    expect(output).toContain("usage: unmask logits");
  });

  it.for<[string[], object]>([
    [[], { code: "missing_parameter", param: "command" }],
    [["dance"], { code: "unknown_parameter", param: "command" }],
    [["constructor"], { code: "unknown_parameter", param: "command" }],
    [["logits"], { code: "missing_parameter", param: "checkpoint" }],
    [["logits", "--checkpoint"], { code: "missing_parameter", param: "checkpoint" }],
    [["logits", "--checkpoint", "x"], { code: "missing_parameter", param: "request" }],
    [["logits", "--other", "x"], { code: "unknown_parameter", param: "--other" }],
    [["logits", "--__proto__", "x"], { code: "unknown_parameter", param: "--__proto__" }],
    [["logits", "-x"], { code: "unknown_parameter", param: "-x" }],
    [["logits", "stray"], { code: "unknown_parameter", param: "stray" }],
    [
      ["logits", "--checkpoint", "x", "--checkpoint", "y"],
      { code: "invalid_parameter", param: "checkpoint" },
    ],
  ])(
    "answers a wrong line %j with JSON, its usage and code 2",
    async ([args, expected], { expect }) => {
      const outcome = await run(...args);
      expect(outcome).toMatchObject({ code: 2, output: "" });
      expect(failureOf(outcome)).toMatchObject(expected);
      expect(outcome.error.split("\n")[1]).toMatch(/^usage: unmask /);
    },
  );

  it("reports what went wrong as one line of JSON, nothing else", async ({ expect }) => {
    const outcome = await run("logits", "--checkpoint", "nowhere", "--request", "nowhere");
    expect(outcome.error).toBe(
      '{"error":{"code":"invalid_parameter","message":"The request file cannot be read.","param":"request"}}\n',
    );
  });
});

describe("unmask logits", () => {
  const request = { input_ids: [[1, 2, 3]], positions: [[0, 2]] };

  it("gives logits and argmax at the positions, in their order", async ({ expect }) => {
    const both = await runLogits({
      ...request,
      positions: [
        [0, 2],
        [0, 0],
      ],
    });
    const one = await runLogits(request);
    const { logits, argmax } = JSON.parse(both.output);
    expect(logits[0]).toEqual(JSON.parse(one.output).logits[0]);
    expect(argmax).toEqual(logits.map((row: number[]) => row.indexOf(Math.max(...row))));
  });

  it("takes no mask, a mask of ones and null alike", async ({ expect }) => {
    const outputs = [undefined, null, [[1, 1, 1]]].map(
      async (mask) => (await runLogits({ ...request, attention_mask: mask })).output,
    );
    expect(new Set(await Promise.all(outputs)).size).toBe(1);
  });

  it("gives nothing for no positions", async ({ expect }) => {
    const { output } = await runLogits({ ...request, positions: [] });
    expect(JSON.parse(output)).toEqual({ logits: [], argmax: [] });
  });

  it.for<[string, unknown, string, string | null]>([
    ["text that is not JSON", "{", "invalid_json", null],
    ["a list", [], "invalid_parameter", null],
    ["an unknown field", { ...request, temperature: 0 }, "unknown_parameter", "temperature"],
    ["no input_ids", { positions: [] }, "missing_parameter", "input_ids"],
    ["no positions", { input_ids: [[1]] }, "missing_parameter", "positions"],
    ["no rows", { ...request, input_ids: [] }, "invalid_parameter", "input_ids"],
    ["an empty row", { ...request, input_ids: [[]] }, "invalid_parameter", "input_ids.0"],
    ["ragged rows", { ...request, input_ids: [[1], [1, 2]] }, "invalid_parameter", "input_ids.1"],
    ["a fraction", { ...request, input_ids: [[1, 0.5]] }, "invalid_parameter", "input_ids.0.1"],
    ["a negative id", { ...request, input_ids: [[-1]] }, "invalid_parameter", "input_ids.0.0"],
    [
      "an id too large",
      { ...request, input_ids: [[0, 131]] },
      "invalid_parameter",
      "input_ids.0.1",
    ],
    ["an id as text", { ...request, input_ids: [["1"]] }, "invalid_parameter", "input_ids.0.0"],
    [
      "too long a row",
      { ...request, input_ids: [Array(513).fill(0)] },
      "context_length_exceeded",
      "input_ids",
    ],
    ["a row outside", { ...request, positions: [[1, 0]] }, "invalid_parameter", "positions.0"],
    ["a column outside", { ...request, positions: [[0, 3]] }, "invalid_parameter", "positions.0"],
    ["half a position", { ...request, positions: [[0]] }, "invalid_parameter", "positions.0"],
    [
      "a mask of other rows",
      { ...request, attention_mask: [] },
      "invalid_parameter",
      "attention_mask",
    ],
    [
      "a mask of another length",
      { ...request, attention_mask: [[1, 1]] },
      "invalid_parameter",
      "attention_mask.0",
    ],
    [
      "a mask of twos",
      { ...request, attention_mask: [[1, 2, 1]] },
      "invalid_parameter",
      "attention_mask.0.1",
    ],
  ])("refuses and names %s", async ([, wrong, code, param], { expect }) => {
    const outcome = await runLogits(wrong);
    expect(outcome).toMatchObject({ code: 2, output: "" });
    expect(failureOf(outcome)).toMatchObject({ code, param });
    expect(outcome.error).not.toContain("    at ");
  });

  it("names the fault of a checkpoint", async ({ expect }) => {
    const outcome = await runLogits(request, folder);
    expect(failureOf(outcome)).toMatchObject({ code: "checkpoint_not_found" });
  });
});

describe("as a process", () => {
  interface GoldenCase {
    readonly model: string;
    readonly name: string;
    readonly input_ids: number[][];
    readonly attention_mask: number[][] | null;
    readonly positions: number[][];
    readonly logits: number[][];
    readonly argmax: number[];
  }
  const { cases } = JSON.parse(readFileSync(join(GOLDEN, "logits.json"), "utf8")) as {
    cases: GoldenCase[];
  };
  const sample = cases.filter(({ name }) => name === "pad_left" || name === "len1");

  it.for(sample)(
    "reads standard input and gives the published logits: $model $name",
    async (golden, { expect }) => {
      const { input_ids, attention_mask, positions } = golden;
      const outcome = await runProcess(
        ["logits", "--checkpoint", join(GOLDEN, golden.model), "--request", "-"],
        JSON.stringify({ input_ids, attention_mask, positions }),
      );
      expect(outcome).toMatchObject({ code: 0, error: "" });
      const answer: Pick<GoldenCase, "logits" | "argmax"> = JSON.parse(outcome.output);
      expect(answer.argmax).toEqual(golden.argmax);
      for (const [i, wanted] of golden.logits.entries()) {
        const largest = Math.max(...wanted.map(Math.abs));
        const errors = wanted.map((value, j) =>
          Math.abs(value - (answer.logits[i]?.[j] ?? Number.NaN)),
        );
        expect(Math.max(...errors)).toBeLessThanOrEqual(1e-4 * largest);
      }
    },
  );

  it("fails with code 2 and one line of JSON on standard error", async ({ expect }) => {
    const args = ["logits", "--checkpoint", folder, "--request", "-"];
    const { code, output, error } = await runProcess(args, '{"input_ids":[[1]],"positions":[]}');
    expect({ code, output }).toEqual({ code: 2, output: "" });
    expect(Object.keys(JSON.parse(error).error)).toEqual(["code", "message", "param"]);
  });

  it("runs through a link to its file", async ({ expect }) => {
    const link = join(folder, "unmask.ts");
    symlinkSync(CLI, link);
    const { code, output } = await runProcess(["--help"], "", link);
    expect(code).toBe(0);
    expect(output).toContain("usage: unmask");
  });
});
