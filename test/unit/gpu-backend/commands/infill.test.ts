import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { Ajv } from "ajv";
import { afterAll, describe, it } from "vitest";
import { runCli } from "../../../../gpu-backend/cli.ts";

const CLI = new URL("../../../../gpu-backend/cli.ts", import.meta.url).pathname;
const MODEL = new URL("../../../../gpu-backend/model/default", import.meta.url).pathname;

/** The command on the embedded model, as a process of its own. */
async function infill(request: unknown) {
  const child = spawn(process.execPath, [CLI, "infill", "--checkpoint", MODEL, "--request", "-"]);
  child.stdin.end(JSON.stringify(request));
  const [output, error, code] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    new Promise<number | null>((resolve) => child.once("exit", resolve)),
  ]);
  return { code, answer: JSON.parse(output || error) };
}

const folder = mkdtempSync(join(tmpdir(), "infill-"));

afterAll(() => rmSync(folder, { recursive: true }));

/** The error of a request that is refused. */
async function refusalOf(request: unknown): Promise<unknown> {
  const file = join(folder, "request.json");
  writeFileSync(file, JSON.stringify(request));
  const errors: string[] = [];
  const exitCode = await runCli(["infill", "--checkpoint", MODEL, "--request", file], {
    writeOutput: (text) => errors.push(text),
    writeError: (text) => errors.push(text),
  });
  return { exitCode, ...JSON.parse(errors.join("")).error };
}

describe("unmask infill", () => {
  it("fills the holes of a sentence and leaves the rest as it was", async ({ expect }) => {
    const request = {
      template: [
        "Once upon a time, there was a ",
        { length: 2 },
        " named Lily. She",
        { min_length: 2, max_length: 5 },
        " in the park.",
      ],
    };
    const { code, answer } = await infill(request);
    expect(code).toBe(0);
    const [first, second] = answer.holes;
    expect(answer.text).toBe(
      `Once upon a time, there was a ${first.text} named Lily. She${second.text} in the park.`,
    );
    expect(first.token_ids).toHaveLength(2);
    expect([2, 3, 4, 5]).toContain(second.token_ids.length);
    expect(answer.output_ids).toEqual(expect.arrayContaining(second.token_ids));
    expect(first.confidence).toBeGreaterThan(0);
    // Four lengths, then half as many steps as there are tokens.
    expect(answer.nfe).toBe(4 + Math.floor((2 + second.token_ids.length) / 2));
    expect((await infill(request)).answer).toEqual(answer);
  });

  it("writes the first line of two from the second", async ({ expect }) => {
    const { answer } = await infill({ template: [{ length: 6 }, "\nThe dog was happy."] });
    expect(answer.text).toBe(`${answer.holes[0].text}\nThe dog was happy.`);
  });

  it("writes JSON that its schema allows", async ({ expect }) => {
    const schema = {
      type: "object",
      properties: {
        name: { type: "string", minLength: 2, maxLength: 12 },
        age: { type: "integer", minimum: 3, maximum: 12 },
        size: { type: "number", exclusiveMinimum: 0, maximum: 2.5 },
        kind: { enum: ["big dog", "cat", 3, null] },
        happy: { type: "boolean" },
      },
      required: ["name", "age", "size", "kind", "happy"],
      additionalProperties: false,
    };
    const { answer } = await infill({
      schema,
      messages: [{ role: "user", content: "Tell me about a pet." }],
      params: { max_string_tokens: 4, algorithm: "fastdllm_threshold", threshold: 0.3 },
    });
    const ajv = new Ajv();
    expect([ajv.validate(schema, answer.json), ajv.errors]).toEqual([true, null]);
    expect(JSON.parse(answer.text)).toEqual(answer.json);
  });

  it.for<[object, string, string]>([
    [{ template: ["a"] }, "no_hole", "template"],
    [{ template: [{ length: 0 }] }, "hole_length_invalid", "template.0.length"],
    [{ template: [{ length: 500 }] }, "context_length_exceeded", "template"],
    [{ template: [{ length: 2, colour: 1 }] }, "unknown_parameter", "template.0.colour"],
    [{ template: [{ length: 2 }], prompt: "<|mdm_mask|>" }, "invalid_parameter", "prompt"],
    [
      { template: [{ length: 2 }], params: { gen_length: 2 } },
      "unknown_parameter",
      "params.gen_length",
    ],
    [
      { template: [{ length: 2 }], params: { early_exit: true } },
      "unknown_parameter",
      "params.early_exit",
    ],
    [{ schema: { enum: [] } }, "schema_not_satisfiable", "schema.enum"],
  ])("refuses %j: %s at %s", async ([request, code, param], { expect }) => {
    expect(await refusalOf(request)).toMatchObject({ exitCode: 2, code, param });
  });
});
