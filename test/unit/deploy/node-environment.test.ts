/** The variables that images and manifests set are those that gpu-backend/config.ts reads. */
import { describe, it } from "vitest";
import { readConfig } from "../../../gpu-backend/config.ts";
import { findDeployment } from "./deployment-shape.ts";
import { deploymentEnvironment, dockerEnvironments } from "./read-environment.ts";
import { readManifests, readText } from "./read-manifests.ts";

const config = readText("gpu-backend/config.ts");
const schema = /environmentSchema = z\.object\(\{(.*?)\n\}\)/s.exec(config)?.[1] ?? "";
const known = [...schema.matchAll(/^ {2}(UNMASK_[A-Z_]+):/gm)].map(([, name = ""]) => name);

const manifests = readManifests();
const base = findDeployment(manifests, "unmask-node");
const patches = manifests.filter(({ file }) => /overlays\/[\w-]+\/node\.yaml$/.test(file));

describe("the node's settings", () => {
  it("are variables that config.ts reads, wherever one is named", ({ expect }) => {
    expect(known.length).toBeGreaterThan(10);
    const files = [
      "deploy/docker/Dockerfile",
      "deploy/kubernetes/base/node.yaml",
      ...patches.map(({ file }) => file),
    ];
    const named = files.flatMap((file) =>
      [...readText(file).matchAll(/\bUNMASK_[A-Z_]+\b/g)].map(([name]) => name),
    );
    expect(named.length).toBeGreaterThan(10);
    expect([...new Set(named)].filter((name) => !known.includes(name))).toEqual([]);
  });

  it.for(["cpu", "cuda"])("of the %s image, and the base's, make a node", (stage, { expect }) => {
    const image = dockerEnvironments(readText("deploy/docker/Dockerfile")).get(stage);
    expect(image).toBeDefined();
    const environment = { ...image, ...deploymentEnvironment(base) };
    const settings = readConfig(environment);
    expect(settings).toMatchObject({
      host: "0.0.0.0",
      port: base.spec.template.spec.containers[0]?.ports[0]?.containerPort,
      executionProvider: stage,
      edge: { url: "https://pool.edge-host", spoolDirectory: "/spool" },
      nodeUrl: "https://pool.nodes-host/10.1.2.3",
    });
  });

  it("of every overlay make a node", ({ expect }) => {
    for (const { manifest } of patches) {
      const { spec } = manifest as unknown as typeof base;
      const patch = { ...base, spec };
      const settings = readConfig({
        ...deploymentEnvironment(base),
        ...deploymentEnvironment(patch),
      });
      expect(settings.checkpointDirectory).toMatch(/^\/models\/|model\/default$/);
    }
    expect(patches).toHaveLength(2);
  });
});
