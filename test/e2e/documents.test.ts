/** Every example of the guides and of the SDK's README, run as it is written against the real stack. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

const root = join(import.meta.dirname, "..", "..");
const guides = join(root, "edge", "guides");
const documents = [
  ...readdirSync(guides).map((file) => join(guides, file)),
  join(root, "shared", "sdk", "README.md"),
];
const examples = documents.flatMap((file) => {
  const blocks = readFileSync(file, "utf8").matchAll(/^```(ts|sh)\n([\s\S]*?)^```$/gm);
  return [...blocks]
    .map(([, language = "", code = ""], index) => ({ file, index, language, code }))
    .filter(({ code }) => !code.startsWith("npm "))
    .map((example) => ({
      ...example,
      name: `${file.slice(root.length + 1)} ${example.index + 1}`,
    }));
});

let stack: TestStack;
let folder: string;

beforeAll(async () => {
  stack = await startTestStack();
  // Below the repository, where its packages are found.
  await mkdir(join(root, ".unmask"), { recursive: true });
  folder = await mkdtemp(join(root, ".unmask", "examples-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await stack.stop();
});

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly error: string;
}

async function run(command: string, args: readonly string[]): Promise<Outcome> {
  const { api_key, base_url } = stack.demo;
  const child = spawn(command, args, {
    env: { ...process.env, UNMASK_URL: base_url, UNMASK_API_KEY: api_key },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, error, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("exit", resolve)),
  ]);
  return { code, output, error };
}

/** A program's text with what the documents leave to the reader. */
function complete(code: string): string {
  const { api_key, management_key, base_url } = stack.demo;
  const sdk = join(root, "shared", "sdk");
  const given = { apiKey: api_key, managementKey: management_key, baseUrl: base_url };
  const constants = Object.entries(given)
    .filter(([name]) => code.includes(name))
    .map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  const resolved = code
    .replaceAll('"@unmask/sdk/ai"', JSON.stringify(join(sdk, "ai.ts")))
    .replaceAll('"@unmask/sdk"', JSON.stringify(join(sdk, "index.ts")));
  return `${constants.join("\n")}\n${resolved}`;
}

describe("the documents", () => {
  it("have examples", ({ expect }) => {
    expect(examples.length).toBeGreaterThan(10);
  });

  it.for(examples)("$name runs", async ({ name, language, code }, { expect }) => {
    if (language === "ts") {
      const file = join(folder, `${name.replaceAll(/\W/g, "-")}.ts`);
      await writeFile(file, complete(code));
      const outcome = await run(process.execPath, [file]);
      expect(outcome).toMatchObject({ code: 0, error: "" });
      expect(outcome.output.trim()).not.toBe("");
    } else {
      const outcome = await run("bash", ["-c", code]);
      expect(outcome).toMatchObject({ code: 0, error: "" });
      for (const line of outcome.output.split(/(?<=\})(?=\{)/)) {
        expect(JSON.parse(line)).not.toHaveProperty("error");
      }
    }
  });
});
