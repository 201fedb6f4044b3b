import { describe, it } from "vitest";
import { type Manifest, manifestFaults } from "./manifest-faults.ts";
import { readManifests } from "./read-manifests.ts";

/** Whose keys are names of the writer's own. */
const FREE_MAPS = new Set([
  "annotations",
  "data",
  "labels",
  "limits",
  "matchLabels",
  "pairs",
  "requests",
]);

const manifests = readManifests().map((found) => ({
  ...found,
  isPatch: /^deploy\/kubernetes\/overlays\/[\w-]+\/node\.yaml$/.test(found.file),
}));

/** Every version of `value` in which one key has a letter too many, and that key's path. */
function misspell(value: unknown, path = ""): { path: string; wrong: unknown }[] {
  if (typeof value !== "object" || value === null) return [];
  const entries = Object.entries(value);
  const isFree = Array.isArray(value) || FREE_MAPS.has(path.split("/").at(-1) ?? "");
  return entries.flatMap(([key, child]) => {
    const inner = misspell(child, `${path}/${key}`).map(({ path: at, wrong }) => ({
      path: at,
      wrong: Array.isArray(value)
        ? value.map((item, index) => (String(index) === key ? wrong : item))
        : { ...value, [key]: wrong },
    }));
    if (isFree) return inner;
    const renamed = entries.map(([name, item]) => [name === key ? `${name}x` : name, item]);
    return [{ path: `${path}/${key}`, wrong: Object.fromEntries(renamed) }, ...inner];
  });
}

describe("the manifests", () => {
  it("are what Kubernetes, KEDA and the Prometheus operator take", ({ expect }) => {
    const faults = manifests.flatMap(({ file, manifest, isPatch }) =>
      manifestFaults(manifest, isPatch).map((fault) => `${file}: ${fault}`),
    );
    expect(faults).toEqual([]);
    expect(manifests.length).toBeGreaterThan(15);
  });

  it("would be refused with any one of their keys misspelt", { timeout: 60_000 }, ({ expect }) => {
    const copies = manifests.flatMap(({ file, manifest, isPatch }) =>
      misspell(manifest).map(({ path, wrong }) => ({ name: `${file}${path}`, wrong, isPatch })),
    );
    expect(copies.length).toBeGreaterThan(500);
    const unnoticed = copies
      .filter(({ wrong, isPatch }) => manifestFaults(wrong as Manifest, isPatch).length === 0)
      .map(({ name }) => name);
    expect(unnoticed).toEqual([]);
  });

  it.for([
    ["a number as text", "terminationGracePeriodSeconds", "660"],
    ["a wrong word", "type", "Replace"],
    ["a quantity that is none", "memory", "2 gigabytes"],
  ])("would be refused with %s", ([, key, value], { expect }) => {
    const node = manifests.find(({ file, manifest }) => {
      return file.endsWith("base/node.yaml") && manifest["kind"] === "Deployment";
    });
    const text = JSON.stringify(node?.manifest);
    const wrong = text.replace(
      new RegExp(`("${key}":)("[^"]*"|\\d+)`),
      (_, name) => `${name}${JSON.stringify(value)}`,
    );
    expect(wrong).not.toBe(text);
    expect(manifestFaults(JSON.parse(wrong))).not.toEqual([]);
  });
});
