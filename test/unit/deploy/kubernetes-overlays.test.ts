/** The overlays as `kubectl kustomize` renders them, which needs no cluster; skipped, and said, without it. */
import { spawnSync } from "node:child_process";
import { describe, it } from "vitest";
import { findDeployment } from "./deployment-shape.ts";
import { manifestFaults } from "./manifest-faults.ts";
import { parseManifests, ROOT } from "./read-manifests.ts";

const hasKubectl = spawnSync("kubectl", ["kustomize", "--help"]).status === 0;
if (!hasKubectl) {
  process.stderr.write("No kubectl: the overlays are checked file by file, not as rendered.\n");
}

function render(overlay: string) {
  const folder = `deploy/kubernetes/overlays/${overlay}`;
  const result = spawnSync("kubectl", ["kustomize", folder], { cwd: ROOT, encoding: "utf8" });
  if (result.status !== 0) throw new Error(result.stderr);
  return parseManifests(result.stdout).map((manifest) => ({ file: folder, manifest }));
}

describe.runIf(hasKubectl).for([
  { overlay: "cpu", replicas: 2, image: /\/unmask-node:cpu-/, provider: "cpu" },
  { overlay: "gpu", replicas: 1, image: /\/unmask-node:cuda-/, provider: "cuda" },
  { overlay: "scale-to-zero", replicas: undefined, image: /\/unmask-node:cuda-/, provider: "cuda" },
])("the overlay $overlay", ({ overlay, replicas, image, provider }) => {
  const manifests = hasKubectl ? render(overlay) : [];

  it("renders to manifests that Kubernetes takes, all in one namespace", ({ expect }) => {
    expect(manifests.flatMap(({ manifest }) => manifestFaults(manifest))).toEqual([]);
    const namespaces = manifests.map(({ manifest }) => {
      const { name, namespace } = manifest["metadata"] as { name: string; namespace?: string };
      return manifest["kind"] === "Namespace" ? name : namespace;
    });
    expect([...new Set(namespaces)]).toEqual(["unmask"]);
  });

  it("runs as many nodes as it says, of its own image and provider", ({ expect }) => {
    const node = findDeployment(manifests, "unmask-node");
    expect(node.spec.replicas).toBe(replicas);
    const [container] = node.spec.template.spec.containers;
    expect(container?.image).toMatch(image);
    const variables = new Map(container?.env.map(({ name, value }) => [name, value]));
    expect(variables.get("UNMASK_EXECUTION_PROVIDER")).toBe(provider);
    // A patch that replaced the list would have lost the base's.
    expect(variables.has("UNMASK_GRANT_SECRET")).toBe(true);
    const gpus = container?.resources.limits["nvidia.com/gpu"];
    expect(gpus).toBe(provider === "cuda" ? "1" : undefined);
  });

  it("points at settings that it makes", ({ expect }) => {
    const maps = manifests.flatMap(({ manifest }) =>
      manifest["kind"] === "ConfigMap" ? [(manifest["metadata"] as { name: string }).name] : [],
    );
    expect(maps).toHaveLength(2);
    const text = JSON.stringify(manifests);
    for (const name of maps) expect(text.split(`"name":"${name}"`).length).toBeGreaterThan(2);
    expect(text).not.toContain('"name":"pool"');
  });
});

describe.runIf(hasKubectl)("the scaler", () => {
  it("asks the pool's own edge", ({ expect }) => {
    const text = JSON.stringify(render("scale-to-zero"));
    const host = /"edge-host":"([^"]+)"/.exec(text)?.[1];
    expect(text).toContain(`"url":"https://${host}/internal/scaling"`);
  });
});
