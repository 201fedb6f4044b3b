import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { describeFileError, writeOutput } from "../../../../gpu-backend/commands/import-output.ts";

const folder = mkdtempSync(join(tmpdir(), "output-"));
afterAll(() => rmSync(folder, { recursive: true }));

const nothing = (): Promise<void> => Promise.resolve();

function fileError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe("writeOutput", () => {
  it("makes the folder and those above it", async ({ expect }) => {
    const out = join(folder, "a", "b");
    await writeOutput(out, 0, async () => writeFileSync(join(out, "file"), "x"));
    expect(readdirSync(out)).toEqual(["file"]);
  });

  it("refuses a folder with files, and leaves them", async ({ expect }) => {
    const out = join(folder, "full");
    mkdirSync(out);
    writeFileSync(join(out, "mine"), "x");
    await expect(writeOutput(out, 0, nothing)).rejects.toMatchObject({
      code: "invalid_parameter",
      param: "out",
      message: "The folder --out exists and is not empty.",
    });
    expect(readdirSync(out)).toEqual(["mine"]);
  });

  it.for([
    ["itself", "file"],
    ["above it", "file/below"],
  ] as const)("refuses where a file is %s", async ([, path], { expect }) => {
    writeFileSync(join(folder, "file"), "x");
    await expect(writeOutput(join(folder, path), 0, nothing)).rejects.toMatchObject({
      code: "invalid_parameter",
      param: "out",
    });
  });

  it("refuses before it writes what no disk can take", async ({ expect }) => {
    const out = join(folder, "vast", "deep");
    await expect(
      writeOutput(out, 2 ** 60, () => Promise.reject(new Error("written"))),
    ).rejects.toMatchObject({ code: "invalid_parameter", param: "out" });
    expect(existsSync(join(folder, "vast"))).toBe(false);
  });

  it("removes what a failed write left, and says why it failed", async ({ expect }) => {
    const out = join(folder, "failed");
    const write = async (): Promise<void> => {
      writeFileSync(join(out, "half"), "x");
      throw fileError("ENOSPC");
    };
    await expect(writeOutput(out, 0, write)).rejects.toMatchObject({
      message: "The folder --out cannot be written: no space is left.",
    });
    expect(existsSync(out)).toBe(false);
    mkdirSync(out);
    await expect(writeOutput(out, 0, write)).rejects.toThrow();
    expect(readdirSync(out)).toEqual([]);
  });
});

describe("describeFileError", () => {
  it.for([
    ["EACCES", "permission is denied"],
    ["EROFS", "read-only"],
    ["ENOSPC", "no space is left"],
  ] as const)("says what %s means", ([code, words], { expect }) => {
    expect(describeFileError(fileError(code))).toMatchObject({
      code: "invalid_parameter",
      param: "out",
      message: expect.stringContaining(words),
    });
  });

  it("leaves other errors as they are", ({ expect }) => {
    const error = fileError("EIO");
    expect(describeFileError(error)).toBe(error);
  });
});
