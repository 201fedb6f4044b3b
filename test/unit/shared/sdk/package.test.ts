/** The package as it is published: installed from its tarball by a project that has nothing else. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..", "..");
const sdk = join(root, "shared", "sdk");
const project = mkdtempSync(join(tmpdir(), "sdk-user-"));
const tsc = join(root, "node_modules", ".bin", "tsc");
const run = (command: string, args: readonly string[], cwd: string) =>
  promisify(execFile)(command, args, { cwd, encoding: "utf8" });

beforeAll(async () => {
  // Built here: npm runs no script of a package where it is told not to.
  await run(tsc, ["-p", "tsconfig.build.json"], sdk);
  const flags = ["--json", "--ignore-scripts", "--pack-destination", project];
  const packed = await run("npm", ["pack", ...flags], sdk);
  const [{ filename }] = JSON.parse(packed.stdout);
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  await run("npm", ["install", "--offline", "--no-audit", join(project, filename)], project);
}, 120_000);
afterAll(async () => {
  await rm(project, { recursive: true });
  await rm(join(sdk, "dist"), { recursive: true, force: true });
});

describe("the SDK's package", () => {
  it("installs nothing beside itself", async ({ expect }) => {
    const { stdout } = await run("npm", ["ls", "--all", "--parseable"], project);
    expect(stdout.trim().split("\n")).toHaveLength(2);
    const { dependencies } = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8"));
    expect(dependencies).toBeUndefined();
  });

  it("runs", async ({ expect }) => {
    const program = `
      import { Canvas, Unmask, UnmaskError, parseTemplate } from "@unmask/sdk";
      const unmask = new Unmask({ apiKey: "unm_x", baseUrl: "http://127.0.0.1:9/v1", maxRetries: 0 });
      const error = await unmask.models().catch((thrown) => thrown);
      console.log(error instanceof UnmaskError, error.code, parseTemplate("a [[2]]").length, typeof Canvas);
    `;
    writeFileSync(join(project, "program.js"), program);
    const { stdout } = await run(process.execPath, ["program.js"], project);
    expect(stdout.trim()).toBe("true connection_failed 2 function");
  });

  it("is typed for whoever installs it", async ({ expect }) => {
    const program = `
      import { Unmask, type Frame } from "@unmask/sdk";
      const unmask = new Unmask({ apiKey: "a", baseUrl: "b" });
      export async function read(): Promise<number> {
        let last: Frame | null = null;
        for await (const frame of unmask.stream({ prompt: "Once", max_tokens: 8 })) last = frame;
        return last?.canvas?.maskedCount ?? 0;
      }
      // @ts-expect-error There is no such field.
      await unmask.generate({ promt: "Once" });
    `;
    writeFileSync(join(project, "program.ts"), program);
    const flags = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext"];
    const { stdout } = await run(tsc, [...flags, "--types", "", "program.ts"], project);
    expect(stdout).toBe("");
  }, 60_000);
});
