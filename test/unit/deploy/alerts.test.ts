/** The alerts: queries that Prometheus reads, metrics that somebody exports, and a page for each. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, it } from "vitest";
import { z } from "zod";
import { readLoad } from "../../../gpu-backend/engine/engine-load.ts";
import { StepTimes } from "../../../gpu-backend/engine/step-times.ts";
import { NodeMetrics } from "../../../gpu-backend/server/metrics.ts";
import { ROOT, readManifests, readText } from "./read-manifests.ts";

/** Of kube-state-metrics, KEDA and cloudflared. */
const FOREIGN_METRICS = new Set([
  "cloudflared_tunnel_ha_connections",
  "keda_scaler_detail_errors_total",
  "kube_deployment_spec_replicas",
  "kube_deployment_status_replicas_available",
  "kube_horizontalpodautoscaler_spec_max_replicas",
  "kube_horizontalpodautoscaler_status_desired_replicas",
  "kube_pod_container_status_restarts_total",
]);

const rulesSchema = z.object({
  spec: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^Unmask[A-Z]\w+$/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+[smh]$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
            annotations: z.strictObject({
              summary: z.string().regex(/\.$/),
              runbook: z.string().regex(/^deploy\/runbooks\/[a-z-]+\.md$/),
            }),
          }),
        ),
      }),
    ),
  }),
});
const rules = readManifests()
  .filter(({ manifest }) => manifest["kind"] === "PrometheusRule")
  .flatMap(({ manifest }) => rulesSchema.parse(manifest).spec.groups)
  .flatMap((group) => group.rules);

/** Types of the metrics of a node, by their names, as it tells them. */
async function readNodeMetrics(): Promise<ReadonlyMap<string, string>> {
  const metrics = new NodeMetrics();
  metrics.countProcess();
  const load = readLoad([], new StepTimes(), 0);
  metrics.watchLoad(() => load);
  const text = await metrics.read();
  return new Map(
    [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", type = ""]) => [name, type]),
  );
}

/** True where series of that name are among those metrics. */
function isExported(metric: string, types: ReadonlyMap<string, string>): boolean {
  const [, of = ""] = /^(.+)_(?:bucket|sum|count)$/.exec(metric) ?? [];
  const type = types.get(metric);
  return types.get(of) === "histogram" || (type !== undefined && type !== "histogram");
}

/** What a query asks for, and where it cannot be read. */
function readQuery(query: string): { metrics: string[]; faults: number[] } {
  const metrics: string[] = [];
  const faults: number[] = [];
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) faults.push(node.from);
      const isMetric = node.name === "Identifier" && node.node.parent?.name === "VectorSelector";
      if (isMetric) metrics.push(query.slice(node.from, node.to));
    },
  });
  return { metrics, faults };
}

/** Sources that words of the pages are searched in. */
function nodeSources(): string {
  const folder = join(ROOT, "gpu-backend");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /^(?:server|engine)\/.*\.ts$|^main\.ts$/.test(name))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

describe("every alert", () => {
  it("asks in a query that Prometheus reads", ({ expect }) => {
    expect(rules.length).toBeGreaterThan(4);
    expect(rules.filter(({ expr }) => readQuery(expr).faults.length > 0)).toEqual([]);
    expect(readQuery("ratee(a_total[5m]) > 0").faults).not.toEqual([]);
    expect(readQuery("sum(rate(a_total[5m]) > 0").faults).not.toEqual([]);
  });

  it("asks for metrics that are exported", async ({ expect }) => {
    const types = await readNodeMetrics();
    const asked = rules.flatMap(({ expr }) => readQuery(expr).metrics);
    expect(asked.length).toBeGreaterThan(rules.length);
    const unknown = asked.filter(
      (metric) => !FOREIGN_METRICS.has(metric) && !isExported(metric, types),
    );
    expect(unknown).toEqual([]);
    expect(isExported("unmask_wait_seconds", types)).toBe(false);
    expect(isExported("unmask_steps_totals", types)).toBe(false);
    // No name is allowed for that nobody asks for.
    expect([...FOREIGN_METRICS].filter((metric) => !asked.includes(metric))).toEqual([]);
  });

  it("has a page of its own, which the list of pages names", ({ expect }) => {
    const list = readText("deploy/runbooks/README.md");
    const pages = readdirSync(join(ROOT, "deploy/runbooks")).filter((name) => name !== "README.md");
    expect(rules.map(({ annotations }) => annotations.runbook).sort()).toEqual(
      pages.map((name) => `deploy/runbooks/${name}`).sort(),
    );
    for (const { alert, labels, annotations } of rules) {
      const page = annotations.runbook.replace("deploy/runbooks/", "");
      expect(list).toContain(`| \`${alert}\` | ${labels.severity} | [${page}](${page}) |`);
      const text = readText(annotations.runbook);
      const headings = [...text.matchAll(/^#+ .*$/gm)].map(([heading]) => heading);
      expect(headings).toEqual([
        `# ${alert}`,
        "## What it means",
        "## How to look",
        "## How to mend",
      ]);
    }
  });
});

describe("the pages", () => {
  const pages = rules.map(({ annotations }) => readText(annotations.runbook));
  const manifests = JSON.stringify(readManifests().map(({ manifest }) => manifest));

  it("name workloads, secrets and labels that the manifests have", ({ expect }) => {
    const patterns = [
      /\b(?:deployment|scaledobject|secret)[ /](unmask-[a-z-]+)/g,
      /app\.kubernetes\.io\/name=(unmask-[a-z-]+)/g,
      /Secret `(unmask-[a-z-]+)`/g,
    ];
    const named = pages.flatMap((page) =>
      patterns.flatMap((pattern) => [...page.matchAll(pattern)].map(([, name = ""]) => name)),
    );
    expect(named.length).toBeGreaterThan(10);
    expect([...new Set(named)].filter((name) => !manifests.includes(`"${name}"`))).toEqual([]);
  });

  it("ask for metrics that nodes export, in queries that Prometheus reads", async ({ expect }) => {
    const types = await readNodeMetrics();
    const blocks = pages.flatMap((page) => [...page.matchAll(/```promql\n(.*?)```/gs)]);
    const queries = blocks.flatMap(([, block = ""]) => block.trim().split("\n")).map(readQuery);
    expect(queries.length).toBeGreaterThan(5);
    expect(queries.flatMap(({ faults }) => faults)).toEqual([]);
    const asked = queries.flatMap(({ metrics }) => metrics);
    expect(asked.filter((metric) => !isExported(metric, types))).toEqual([]);
  });

  it("name error codes, settings and log lines that the code has", ({ expect }) => {
    const code = `${nodeSources()}${readText("shared/contracts/errors.ts")}${readText("gpu-backend/config.ts")}${readText("edge/environment.ts")}`;
    const words = pages.flatMap((page) =>
      [...page.matchAll(/`((?:UNMASK_)?[A-Za-z]+(?:_[A-Za-z]+)+)`/g)].map(([, word = ""]) => word),
    );
    expect(words.length).toBeGreaterThan(3);
    expect([...new Set(words)].filter((word) => !code.includes(word))).toEqual([]);
  });
});
