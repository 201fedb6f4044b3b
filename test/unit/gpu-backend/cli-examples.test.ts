/** Command lines that the documents and the help show: each names a command that exists, and its flags. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, it } from "vitest";
import { runCli } from "../../../gpu-backend/cli.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const documents = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "" && !file.startsWith("test/golden/"));

async function help(...args: string[]): Promise<string> {
  let output = "";
  const writeOutput = (text: string) => {
    output += text;
  };
  await runCli([...args, "--help"], { writeOutput, writeError: () => undefined });
  return output;
}

let usages: ReadonlyMap<string, string>;
beforeAll(async () => {
  const all = await help();
  const names = [...all.matchAll(/^ {2}unmask ([\w-]+)/gm)].map(([, name = ""]) => name);
  usages = new Map(await Promise.all(names.map(async (name) => [name, await help(name)] as const)));
});

/** What is wrong with `unmask NAME …`; empty when nothing is. */
function findFault(line: string): string {
  const [name = "", ...words] = line.split(/\s+/);
  const usage = usages.get(name);
  if (name === "--help") return "";
  if (usage === undefined) return `there is no command ${name}`;
  const flags = words.map((word) => /^--([a-z]+)/.exec(word)?.[1]).filter((flag) => flag);
  const [first = ""] = usage.split("\n");
  const unknown = flags.filter((flag) => flag !== "help" && !first.includes(`--${flag}`));
  return unknown.length === 0 ? "" : `${name} has no --${unknown.join(", --")}`;
}

describe("a command line that is shown", () => {
  it("is one that the documents' reader can give", ({ expect }) => {
    const shown = documents.flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/unmask -- ([^\n`#|]+)/g)].map(
        ([, line = ""]) => ({ file, line: line.trim() }),
      ),
    );
    expect(shown.length).toBeGreaterThan(10);
    const faults = shown.map(({ file, line }) => ({ file, line, fault: findFault(line) }));
    expect(faults.filter(({ fault }) => fault !== "")).toEqual([]);
  });

  it("is one of its command's own, in every help", ({ expect }) => {
    for (const [name, usage] of usages) {
      const [, examples = ""] = usage.split("For example:\n");
      const lines = examples.split("\n").filter((line) => line !== "");
      expect(lines.length, name).toBeGreaterThan(0);
      for (const line of lines) {
        expect(line.trim().split(" ")[1]).toBe(name);
        expect(findFault(line.trim().slice("unmask ".length))).toBe("");
      }
    }
  });
});
