/**
 * What is wrong with a Kubernetes manifest: values that its schema refuses, and keys that no schema knows.
 *
 * Owns: the table of kinds, and finding misspelt keys. Does not own: reading files (read-manifests.ts).
 * The packages' validators ignore unknown keys, but they look up every key that they know. So a manifest
 * is given to them in a wrapping that remembers what was looked up; a key that nobody asked for is unknown.
 */
import { ScaledObject, TriggerAuthentication } from "@kubernetes-models/keda/keda.sh/v1alpha1";
import {
  PodMonitor,
  PrometheusRule,
} from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Namespace, PersistentVolumeClaim, ServiceAccount } from "kubernetes-models/v1";
import { z } from "zod";

/** One document of a manifest file: plain JSON. */
export type Manifest = Readonly<Record<string, unknown>>;

/** A package's check of one kind, called on the manifest itself; throws what it refuses. */
type Check = (this: Manifest) => void;

interface Kind {
  readonly apiVersion: string;
  readonly prototype: { validate: () => void };
}

const KINDS: Readonly<Record<string, Kind>> = {
  ConfigMap,
  Deployment,
  Namespace,
  NetworkPolicy,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  PodMonitor,
  PrometheusRule,
  ScaledObject,
  ServiceAccount,
  TriggerAuthentication,
};

/** What Kustomize is told, of what it knows: no package checks it. */
const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9./-]*$/);
const kustomizationSchema = z.strictObject({
  apiVersion: z.literal("kustomize.config.k8s.io/v1beta1"),
  kind: z.literal("Kustomization"),
  namespace: nameSchema.optional(),
  labels: z.array(z.strictObject({ pairs: z.record(z.string(), z.string()) })).optional(),
  resources: z.array(z.string()),
  configMapGenerator: z
    .array(
      z.strictObject({
        name: nameSchema,
        envs: z.array(z.string()).optional(),
        files: z.array(z.string()).optional(),
      }),
    )
    .optional(),
  images: z
    .array(
      z.strictObject({
        name: nameSchema,
        newName: nameSchema,
        newTag: z.string().regex(/^[\w][\w.-]*$/),
      }),
    )
    .optional(),
  replicas: z.array(z.strictObject({ name: nameSchema, count: z.int().min(1) })).optional(),
  patches: z
    .array(
      z.union([
        z.strictObject({ path: z.string() }),
        z.strictObject({
          target: z.strictObject({ kind: z.string(), name: nameSchema }),
          patch: z.string(),
        }),
      ]),
    )
    .optional(),
  replacements: z
    .array(
      z.strictObject({
        source: z.strictObject({ kind: z.string(), name: nameSchema, fieldPath: z.string() }),
        targets: z.array(
          z.strictObject({
            select: z.strictObject({ kind: z.string(), name: nameSchema }),
            fieldPaths: z.array(z.string()),
            options: z.strictObject({ delimiter: z.string(), index: z.int() }),
          }),
        ),
      }),
    )
    .optional(),
});

/** Of KEDA's `metrics-api` scaler, which the schema takes as a map of anything. */
const METRICS_API_KEYS = new Set(
  `url format valueLocation targetValue activationTargetValue unsafeSsl authMode
   aggregateFromKubeServiceEndpoints aggregationType`.split(/\s+/),
);

const refusalSchema = z.object({
  errors: z.array(
    z.object({ instancePath: z.string(), keyword: z.string(), message: z.string().optional() }),
  ),
});

/**
 * Finds what is wrong with a manifest.
 *
 * @param isPatch A strategic merge patch: only what is there is checked.
 * @returns One line a fault, with the path; empty for a right one.
 */
export function manifestFaults(manifest: Manifest, isPatch = false): string[] {
  const kindName = String(manifest["kind"]);
  if (kindName === "Kustomization") return kustomizationFaults(manifest);
  const kind = KINDS[kindName];
  if (kind === undefined) return [`kind: "${kindName}" is not known here`];
  const lookedUp = new WeakMap<object, Set<PropertyKey>>();
  const check: Check = kind.prototype.validate;
  return [
    ...refusals(check, remember(manifest, lookedUp), isPatch),
    ...unknownKeys(manifest, lookedUp, ""),
    ...triggerFaults(manifest),
  ];
}

function kustomizationFaults(manifest: Manifest): string[] {
  const result = kustomizationSchema.safeParse(manifest);
  return result.success
    ? []
    : result.error.issues.map((issue) => `/${issue.path.join("/")}: ${issue.message}`);
}

function refusals(check: Check, manifest: Manifest, isPatch: boolean): string[] {
  try {
    check.call(manifest);
    return [];
  } catch (thrown) {
    return refusalSchema
      .parse(thrown)
      .errors.filter(({ keyword }) => !(isPatch && keyword === "required"))
      .map(({ instancePath, message }) => `${instancePath}: ${message}`);
  }
}

/** The same value, in a wrapping that notes in `lookedUp` which keys of each object are asked for. */
function remember<Value extends object>(
  value: Value,
  lookedUp: WeakMap<object, Set<PropertyKey>>,
): Value {
  const keys = lookedUp.get(value) ?? new Set();
  lookedUp.set(value, keys);
  return new Proxy(value, {
    get(target, key) {
      keys.add(key);
      const found: unknown = Reflect.get(target, key);
      return typeof found === "object" && found !== null ? remember(found, lookedUp) : found;
    },
  });
}

function unknownKeys(
  value: unknown,
  lookedUp: WeakMap<object, Set<PropertyKey>>,
  path: string,
): string[] {
  if (typeof value !== "object" || value === null) return [];
  const keys = lookedUp.get(value) ?? new Set();
  return Object.entries(value).flatMap(([key, child]) =>
    Array.isArray(value) || keys.has(key)
      ? unknownKeys(child, lookedUp, `${path}/${key}`)
      : [`${path}/${key}: no schema knows this key`],
  );
}

const triggersSchema = z.object({
  spec: z.object({
    triggers: z.array(z.object({ type: z.string(), metadata: z.record(z.string(), z.string()) })),
  }),
});

function triggerFaults(manifest: Manifest): string[] {
  const found = triggersSchema.safeParse(manifest);
  if (!found.success) return [];
  return found.data.spec.triggers.flatMap(({ type, metadata }) => {
    if (type !== "metrics-api") return [`/spec/triggers: "${type}" is not known here`];
    return Object.keys(metadata)
      .filter((key) => !METRICS_API_KEYS.has(key))
      .map((key) => `/spec/triggers/metadata/${key}: the scaler has no such parameter`);
  });
}
