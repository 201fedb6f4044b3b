/**
 * The house's walls: who may import whom, files whose length hides two things, documents that name
 * files which are gone. Biome holds the same imports while typing; this table is the whole of it.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const sources = files.filter((file) => /\.(tsx?|mjs)$/.test(file) && !file.endsWith(".d.ts"));

const ROOT_ENTRIES = new Set(
  `edge gpu-backend shared deploy test package.json wrangler.toml README.md LICENSE biome.json knip.json
   package-lock.json tsconfig.base.json .npmrc .gitignore .gitattributes .dockerignore .ci CONTRIBUTING.md CHANGELOG.md SECURITY.md`.split(
    /\s+/,
  ),
);

/** What a room may import: its own files, and specifiers that begin with one of these. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "shared/contracts": ["zod"],
  "shared/event-stream": ["shared/contracts"],
  "shared/scaling": [],
  "shared/sdk": ["shared/contracts/errors.ts", "shared/event-stream", "@ai-sdk/openai-compatible"],
  "edge/accounts": ["shared", "cloudflare:workers", "zod"],
  "edge/billing": ["shared", "cloudflare:workers", "zod", "stripe"],
  "edge/pool": ["shared", "cloudflare:workers", "zod"],
  "edge/streaming": ["shared", "zod"],
  "edge/generations": [
    "shared",
    "cloudflare:workers",
    "edge/accounts",
    "edge/billing",
    "edge/pool",
    "edge/streaming",
    "edge/environment.ts",
    "edge/open-",
  ],
  "edge/console": [
    "shared/sdk",
    "shared/contracts/ledger-chain.ts",
    "shared/contracts/pool.ts",
    "preact",
    "vite",
    "marked",
    "node:",
  ],
  edge: ["shared", "hono", "cloudflare:workers", "zod", "edge"],
  "gpu-backend/canvas": ["shared/contracts/errors.ts"],
  "gpu-backend/sampler": ["gpu-backend/canvas", "shared/contracts/errors.ts"],
  "gpu-backend/infilling": [
    "gpu-backend/canvas",
    "gpu-backend/sampler",
    "shared/contracts/errors.ts",
  ],
  "gpu-backend/likelihood": [
    "gpu-backend/canvas",
    "gpu-backend/sampler",
    "shared/contracts/errors.ts",
  ],
  "gpu-backend/model": ["shared/contracts/errors.ts", "zod", "onnx-proto", "@huggingface", "node:"],
  "gpu-backend/model-runner": [
    "gpu-backend/canvas",
    "gpu-backend/model",
    "shared/contracts/errors.ts",
    "onnxruntime-node",
    "node:",
  ],
  "gpu-backend/engine": [
    "gpu-backend/canvas",
    "gpu-backend/sampler",
    "gpu-backend/likelihood",
    "gpu-backend/infilling",
    "gpu-backend/model-runner/mask-predictor.ts",
    "shared/contracts",
  ],
  "gpu-backend/server": [
    "gpu-backend/engine",
    "shared",
    "hono",
    "@hono/node-server",
    "prom-client",
    "node:",
    "zod",
  ],
  "gpu-backend/autoscale": ["shared", "node:", "zod"],
  "gpu-backend": ["gpu-backend", "shared", "zod", "node:"],
  deploy: ["deploy", "gpu-backend/autoscale", "shared", "miniflare", "wrangler", "node:", "zod"],
};

function roomOf(file: string): string {
  const rooms = Object.keys(MAY_IMPORT).sort((a, b) => b.length - a.length);
  return rooms.find((room) => file.startsWith(`${room}/`)) ?? "";
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Import specifiers of a file, relative ones and `#shared/…` resolved to repository paths. */
function importsOf(file: string): string[] {
  const text = read(file);
  // At the start of a line, so that code quoted in a text is none.
  const found = text.matchAll(
    /^(?:import\b|export\s+(?:type\s+)?[{*])[^;"'`=]*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']/gm,
  );
  return [...found].map(([, named, called]) => {
    const specifier = named ?? called ?? "";
    if (specifier.startsWith("#shared/")) return specifier.slice(1);
    return specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
  });
}

function forbiddenImports(file: string): string[] {
  const room = roomOf(file);
  if (room === "") return [];
  const allowed = [`${room}/`, ...(MAY_IMPORT[room] ?? [])];
  return importsOf(file).filter((path) => !allowed.some((prefix) => path.startsWith(prefix)));
}

describe("the house", () => {
  it("has a fixed top level", ({ expect }) => {
    const strangers = files.map((file) => file.split("/")[0] ?? "");
    expect([...new Set(strangers)].filter((entry) => !ROOT_ENTRIES.has(entry))).toEqual([]);
  });

  it("lets each room import only what the table allows", ({ expect }) => {
    const broken = sources.flatMap((file) =>
      forbiddenImports(file).map((specifier) => `${file} → ${specifier}`),
    );
    expect(broken).toEqual([]);
  });

  it("has one door to ONNX Runtime and one reader of the node's environment", ({ expect }) => {
    const backend = sources.filter((file) => file.startsWith("gpu-backend/"));
    const runtime = backend.filter((file) => importsOf(file).includes("onnxruntime-node"));
    expect(runtime).toEqual(["gpu-backend/model-runner/onnx-session.ts"]);
    const readers = backend.filter((file) => read(file).includes("process.env"));
    expect(readers).toEqual(["gpu-backend/config.ts"]);
  });

  it("imports nothing from test/ outside test/", ({ expect }) => {
    const broken = sources.filter(
      (file) =>
        !file.startsWith("test/") && importsOf(file).some((path) => path.startsWith("test/")),
    );
    expect(broken).toEqual([]);
  });
});

describe("the documents", () => {
  const documents = files.filter(
    (file) => file.endsWith(".md") && !file.startsWith("test/golden/"),
  );

  it("link to files that exist", ({ expect }) => {
    const broken = documents.flatMap((file) =>
      [...read(file).matchAll(/\]\(([^)#\s]+)/g)]
        .map(([, target = ""]) => target)
        // Those that begin with a slash are a deployment's own.
        .filter((target) => !/^[a-z]+:|^\//.test(target))
        .filter((target) => !existsSync(join(root, dirname(file), target)))
        .map((target) => `${file} → ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it("name source files that exist", ({ expect }) => {
    const named =
      /\b(?:edge|gpu-backend|shared|deploy|test)\/[\w./-]*\.(?:ts|mjs|py|json|md|toml)\b/g;
    const broken = documents.flatMap((file) =>
      [...read(file).matchAll(named)]
        .filter(([path]) => !existsSync(join(root, path)))
        .map(([path]) => `${file} → ${path}`),
    );
    expect(broken).toEqual([]);
  });

  it("tell npm scripts that exist", ({ expect }) => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const told = documents.flatMap((file) =>
      [...read(file).matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, script = ""]) => script),
    );
    expect(told.filter((script) => !(script in scripts))).toEqual([]);
  });
});

describe("the repository", () => {
  it("speaks of the product alone", ({ expect }) => {
    const text = files.filter((file) =>
      /\.(tsx?|mjs|py|md|css|html|json|toml|svg|jsonl)$|^\.ci/.test(file),
    );
    const machinePath = new RegExp(["/wor", "k/|/ro", "ot/|/tm", "p/bash"].join(""));
    const broken = text.filter(
      (file) => file !== "package-lock.json" && machinePath.test(read(file)),
    );
    expect(broken).toEqual([]);
  });

  it("has no source file that neither a test nor a program under test reaches", ({ expect }) => {
    const tests = sources.filter((file) => file.startsWith("test/"));
    // Programs that tests run as processes of their own, or inside workerd.
    const programs = [
      "edge/worker.ts",
      "edge/console/main.tsx",
      "edge/console/vite.config.ts",
      "shared/sdk/index.ts",
      "shared/sdk/ai.ts",
      "gpu-backend/main.ts",
      "gpu-backend/cli.ts",
      "gpu-backend/evaluation/evaluate.ts",
      "gpu-backend/model-runner/session-worker.ts",
      "deploy/local/start.ts",
      "deploy/local/test.ts",
      "deploy/docker/drain.ts",
    ];
    const reached = reachable([...tests, ...programs]);
    const owned = sources.filter((file) =>
      /^(edge|gpu-backend|shared|deploy)\/.*\.tsx?$/.test(file),
    );
    expect(owned.filter((file) => !reached.has(file))).toEqual([]);
  });
});

/** Everything that `entries` import, directly or not. */
function reachable(entries: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file) || !sources.includes(file)) continue;
    seen.add(file);
    waiting.push(...importsOf(file));
  }
  return seen;
}
