/** What no schema can say: names that must meet, and what a pod may do. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, it } from "vitest";
import { z } from "zod";
import { MAX_DEADLINE_MS, MAX_NODE_BODY_BYTES } from "#shared/contracts/limits.ts";
import {
  NODE_HEARTBEAT_INTERVAL_MS,
  nodeUrlSchema,
  scalingAnswerSchema,
} from "#shared/contracts/pool.ts";
import { findDeployment, findDeployments } from "./deployment-shape.ts";
import { deploymentEnvironment } from "./read-environment.ts";
import { entriesOf, ROOT, readManifests, readText } from "./read-manifests.ts";

const manifests = readManifests();
const deployments = findDeployments(manifests);
const node = findDeployment(manifests, "unmask-node");
function ofKind(kind: string): unknown[] {
  return manifests.flatMap(({ manifest }) => (manifest["kind"] === kind ? [manifest] : []));
}

describe("Kustomize", () => {
  const pathsSchema = z.object({
    resources: z.array(z.string()),
    patches: z.array(z.object({ path: z.string().optional() })).default([]),
    configMapGenerator: z
      .array(
        z.object({ envs: z.array(z.string()).default([]), files: z.array(z.string()).default([]) }),
      )
      .default([]),
  });
  const named = manifests
    .filter(({ manifest }) => manifest["kind"] === "Kustomization")
    .flatMap(({ file, manifest }) => {
      const { resources, patches, configMapGenerator } = pathsSchema.parse(manifest);
      const patchPaths = patches.flatMap(({ path }) => (path === undefined ? [] : [path]));
      const sources = configMapGenerator.flatMap(({ envs, files }) => [...envs, ...files]);
      return [...resources, ...patchPaths, ...sources].map((path) =>
        normalize(join(dirname(file), path)),
      );
    });

  it("is told of files that exist", ({ expect }) => {
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("is told of every file", ({ expect }) => {
    const files = new Set(manifests.map(({ file }) => file));
    const left = [...files].filter((file) => !file.endsWith("/kustomization.yaml"));
    expect(left.filter((file) => !named.includes(file))).toEqual([]);
  });
});

describe("names", () => {
  it("of labels meet: selectors of workloads, budgets, monitors and policies", ({ expect }) => {
    const labels = deployments.map(({ spec }) => JSON.stringify(spec.template.metadata.labels));
    const kinds = ["Deployment", "PodDisruptionBudget", "PodMonitor", "NetworkPolicy"];
    const selectors = kinds
      .flatMap(ofKind)
      .flatMap(entriesOf)
      .filter(([key]) => key === "selector" || key === "podSelector")
      .flatMap(([, selector]) => entriesOf(selector))
      .filter(([key]) => key === "matchLabels")
      .map(([, selected]) => JSON.stringify(selected));
    expect(selectors.length).toBeGreaterThan(8);
    expect(selectors.filter((selected) => !labels.includes(selected))).toEqual([]);
  });

  it("of ports meet: probes, monitors and policies", ({ expect }) => {
    const ports = deployments.flatMap(({ spec }) =>
      spec.template.spec.containers.flatMap((container) => container.ports.map(({ name }) => name)),
    );
    const kinds = ["Deployment", "PodMonitor", "NetworkPolicy"];
    const used = kinds
      .flatMap(ofKind)
      .flatMap(entriesOf)
      .flatMap(([key, value]) => (key === "port" && typeof value === "string" ? [value] : []));
    expect(used.length).toBeGreaterThan(8);
    expect(used.filter((port) => !ports.includes(port))).toEqual([]);
  });

  it("of volumes and accounts meet", ({ expect }) => {
    const accounts = ofKind("ServiceAccount").map(
      (account) =>
        z.object({ metadata: z.object({ name: z.string() }) }).parse(account).metadata.name,
    );
    for (const { spec } of deployments) {
      const pod = spec.template.spec;
      const volumes = pod.volumes.map(({ name }) => name);
      const mounts = pod.containers.flatMap(({ volumeMounts }) => volumeMounts);
      expect(mounts.filter(({ name }) => !volumes.includes(name))).toEqual([]);
      expect(volumes.filter((name) => !mounts.some((mount) => mount.name === name))).toEqual([]);
      expect(accounts).toContain(pod.serviceAccountName);
    }
  });

  it("of secrets and settings are told to the operator", ({ expect }) => {
    const readme = readText("deploy/README.md");
    const pool = readText("deploy/kubernetes/base/pool.env");
    const references = ["Deployment", "TriggerAuthentication"].flatMap(ofKind).flatMap(entriesOf);
    const keys = references
      .filter(([key]) => ["secretKeyRef", "secretTargetRef", "configMapKeyRef"].includes(key))
      .flatMap(([key, value]) =>
        [value].flat().map((item) => ({
          key,
          ...z
            .object({ name: z.string(), key: z.string().optional() })
            .transform((found) => ({ name: found.name, entry: found.key }))
            .parse(item),
        })),
      );
    expect(keys.length).toBeGreaterThan(3);
    for (const { key, name, entry } of keys) {
      if (key === "configMapKeyRef") expect(pool).toMatch(new RegExp(`^${entry}=`, "m"));
      else expect(readme).toMatch(new RegExp(`secret generic ${name} --from-literal ${entry}=`));
    }
  });
});

describe("a pod", () => {
  it("has no rights that it does not need", ({ expect }) => {
    const accounts = ofKind("ServiceAccount").flatMap(entriesOf);
    const tokens = accounts.filter(([key]) => key === "automountServiceAccountToken");
    expect(tokens.map(([, value]) => value)).toEqual([false, false]);
    for (const { spec } of deployments) {
      const pod = spec.template.spec;
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      for (const { securityContext, resources } of pod.containers) {
        expect(securityContext.runAsUser ?? pod.securityContext.runAsUser).toBeGreaterThan(0);
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(resources.limits).toHaveProperty("memory");
      }
    }
  });

  it("of somebody else's image names it by version and digest", ({ expect }) => {
    const images = deployments.flatMap(({ spec }) =>
      spec.template.spec.containers.map(({ image }) => image),
    );
    const foreign = images.filter((image) => image !== "unmask-node");
    expect(foreign.length).toBeGreaterThan(0);
    const pinned = /^[a-z.]+\/[a-z-]+:\d[\w.-]*@sha256:[0-9a-f]{64}$/;
    expect(foreign.filter((image) => !pinned.test(image))).toEqual([]);
  });

  it("has the longest generation's time to end in", ({ expect }) => {
    const drainMs = Number(deploymentEnvironment(node)["UNMASK_DRAIN_MS"]);
    expect(drainMs).toBeGreaterThanOrEqual(MAX_DEADLINE_MS);
    const longestSeconds = (drainMs + 2 * NODE_HEARTBEAT_INTERVAL_MS) / 1_000;
    for (const { spec } of deployments) {
      const graceSeconds = spec.template.spec.terminationGracePeriodSeconds;
      expect(graceSeconds).toBeGreaterThanOrEqual(longestSeconds + 30);
    }
  });
});

describe("the gateway's proxy", () => {
  const configuration = readText("deploy/kubernetes/base/nginx.conf");
  const pattern = /location ~ "(.+)" \{/.exec(configuration)?.[1] ?? "";

  it("passes every path on that the edge asks a node for, and no other", ({ expect }) => {
    const sources = readdirSync(join(ROOT, "edge/pool")).map((name) =>
      readText(`edge/pool/${name}`),
    );
    const asked = sources
      .flatMap((source) => [...source.matchAll(/`\$\{(?:\w+\.)*\w*[uU]rl\}(\/[^`]*)`/g)])
      .map(([, path = ""]) => path.replaceAll(/\$\{[^}]*\}/g, "req_0aZ"));
    expect(asked.length).toBeGreaterThanOrEqual(2);
    const passes = new RegExp(pattern);
    const prefix = "/10.1.2.30";
    expect(nodeUrlSchema.safeParse(`https://nodes.example.com${prefix}`).success).toBe(true);
    expect(asked.filter((path) => !passes.test(`${prefix}${path}`))).toEqual([]);
    for (const path of ["/metrics", "/healthz", "/drain", "/generations/a/b", "/model/x"]) {
      expect(passes.test(`/10.1.2.30${path}`)).toBe(false);
    }
    for (const host of ["example.com", "10.1.2", "10.1.2.3.4", "10.1.2.3:9"]) {
      expect(passes.test(`/${host}/model`)).toBe(false);
    }
  });

  it("takes every body that a node takes, and calls the node's port", ({ expect }) => {
    const megabytes = Number(/client_max_body_size (\d+)m;/.exec(configuration)?.[1]);
    expect(megabytes * 2 ** 20).toBeGreaterThanOrEqual(MAX_NODE_BODY_BYTES);
    const [port] = node.spec.template.spec.containers[0]?.ports ?? [];
    expect(configuration).toContain(`proxy_pass http://$node:${port?.containerPort}$path;`);
  });
});

describe("the scaler", () => {
  const [scaled] = ofKind("ScaledObject");
  const { spec } = z
    .object({
      spec: z.object({
        scaleTargetRef: z.object({ name: z.string() }),
        minReplicaCount: z.int(),
        maxReplicaCount: z.int(),
        fallback: z.object({ replicas: z.int() }),
        triggers: z.array(
          z.object({
            metricType: z.string(),
            metadata: z.record(z.string(), z.string()),
            authenticationRef: z.object({ name: z.string() }),
          }),
        ),
      }),
    })
    .parse(scaled);

  it("starts from nothing and takes the edge's number as it is", ({ expect }) => {
    expect(spec.scaleTargetRef.name).toBe(node.metadata.name);
    expect(spec.minReplicaCount).toBe(0);
    const [trigger] = spec.triggers;
    // KEDA falls back for this type of metric only.
    expect(trigger?.metricType).toBe("AverageValue");
    expect(trigger?.metadata).toMatchObject({ targetValue: "1", authMode: "bearer" });
    const answer = Object.keys(scalingAnswerSchema.shape);
    expect(answer).toContain(trigger?.metadata["valueLocation"]);
    expect(spec.fallback.replicas).toBeGreaterThan(0);
    // From ten replicas on, the autoscaler's tolerance of a tenth would swallow one node more.
    expect(spec.maxReplicaCount).toBeLessThan(10);
  });

  it("proves who it is", ({ expect }) => {
    const names = ofKind("TriggerAuthentication").map(
      (found) => z.object({ metadata: z.object({ name: z.string() }) }).parse(found).metadata.name,
    );
    expect(spec.triggers.map(({ authenticationRef }) => authenticationRef.name)).toEqual(names);
  });
});
