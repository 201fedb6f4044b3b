import { z } from "zod";
import type { FileManifest } from "./read-manifests.ts";

const mapSchema = z.record(z.string(), z.string());
const probeSchema = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }),
  periodSeconds: z.int(),
  failureThreshold: z.int().default(3),
});

const containerSchema = z.object({
  name: z.string(),
  image: z.string(),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z.record(z.string(), z.record(z.string(), z.string())).optional(),
      }),
    )
    .default([]),
  startupProbe: probeSchema.optional(),
  readinessProbe: probeSchema,
  livenessProbe: probeSchema,
  lifecycle: z.object({ preStop: z.record(z.string(), z.unknown()) }).optional(),
  resources: z.object({ requests: mapSchema, limits: mapSchema }),
  securityContext: z.object({
    runAsUser: z.int().optional(),
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.object({ drop: z.array(z.string()) }),
  }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })).default([]),
});

/** The parts of a Deployment that the tests look at. */
export const deploymentSchema = z.object({
  kind: z.literal("Deployment"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.int().optional(),
    selector: z.object({ matchLabels: mapSchema }),
    template: z.object({
      metadata: z.object({ labels: mapSchema }),
      spec: z.object({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.boolean(),
        terminationGracePeriodSeconds: z.int(),
        securityContext: z.object({
          runAsNonRoot: z.boolean(),
          runAsUser: z.int().optional(),
          seccompProfile: z.object({ type: z.string() }),
        }),
        containers: z.array(containerSchema),
        volumes: z.array(z.looseObject({ name: z.string() })).default([]),
      }),
    }),
  }),
});

/** A Deployment as the tests see it. */
export type Deployment = z.infer<typeof deploymentSchema>;

/** Every whole Deployment among `manifests`: patches, which have no selector, are left out. */
export function findDeployments(manifests: readonly FileManifest[]): Deployment[] {
  return manifests.flatMap(({ manifest }) => {
    const spec = manifest["spec"];
    const isWhole = typeof spec === "object" && spec !== null && "selector" in spec;
    return manifest["kind"] === "Deployment" && isWhole ? [deploymentSchema.parse(manifest)] : [];
  });
}

/** @throws Error when there is none of that name. */
export function findDeployment(manifests: readonly FileManifest[], name: string): Deployment {
  const found = findDeployments(manifests).find((deployment) => deployment.metadata.name === name);
  if (found === undefined) throw new Error(`There is no Deployment "${name}".`);
  return found;
}
