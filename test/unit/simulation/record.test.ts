/** The figures that deploy/README.md tells of the simulated pool are those of the run that is kept beside it. */
import { readFileSync } from "node:fs";
import { describe, it } from "vitest";
import { z } from "zod";
import { tierSchema } from "../../../shared/contracts/tier-names.ts";
import { ROUTER_NAMES } from "../../simulation/routers.ts";

const read = (path: string) =>
  readFileSync(new URL(`../../../deploy/${path}`, import.meta.url), "utf8");
const readme = read("README.md");
const lines = readme.split("\n");
const { results, commit } = z
  .object({
    commit: z.string(),
    results: z.record(z.string(), z.object({ value: z.number() })),
  })
  .parse(JSON.parse(read("simulation/simulate.json")));

function figureOf(name: string): number {
  const figure = results[name];
  if (figure === undefined) throw new Error(`no figure ${name}`);
  return figure.value;
}

const whole = (value: number) => value.toLocaleString("en");

const POOLS = [
  ["16 CPU nodes | 0.9", "cpu_16_at_0.9"],
  ["16 CPU nodes | 1.5", "cpu_16_at_1.5"],
  ["16 CPU nodes | 1.8", "cpu_16_at_1.8"],
  ["16 GPU nodes | 0.6", "gpu_16_at_0.6"],
  ["16 GPU nodes | 1.5", "gpu_16_at_1.5"],
  ["64 GPU nodes | 1.4", "gpu_64_nodes"],
  ["250 GPU nodes | 1.4", "gpu_250_nodes"],
  ["1,000 GPU nodes | 1.4", "gpu_1000_nodes"],
  ["16 GPU nodes, half of them half as fast | 1.2", "gpu_16_half_slow"],
  ["16 GPU nodes, six lost one after another | 1.2", "gpu_16_losses"],
  ["16 GPU nodes, five times the load for 3 s of every 30 | 1", "gpu_16_bursty"],
] as const;

describe("the simulation's record", () => {
  it("is of committed code", ({ expect }) => {
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
  });

  it.for(POOLS)("is what is told of %s", ([pool, scenario], { expect }) => {
    const cells = ROUTER_NAMES.map((router) => {
      const [p50, p99] = ["p50", "p99"].map((share) =>
        figureOf(`${scenario}_${router}_all_completion_${share}`),
      );
      return `${((p50 ?? 0) / 1_000).toFixed(2)} / ${((p99 ?? 0) / 1_000).toFixed(1)}`;
    });
    expect(lines).toContain(`| ${pool} | ${cells.join(" | ")} |`);
  });

  it.for(tierSchema.options)("is what is told of tier %s", (tier, { expect }) => {
    const pair = (of: string) =>
      `${whole(figureOf(`${of}_p50`))} / ${whole(figureOf(`${of}_p99`))}`;
    const busy = (router: string) => pair(`gpu_16_at_1.5_${router}_${tier}_completion`);
    const cells = [
      pair(`gpu_16_at_1.5_ours_${tier}_wait`),
      ...ROUTER_NAMES.map(busy),
      pair(`gpu_day_${tier}_completion`),
    ];
    expect(lines).toContain(`| \`${tier}\` | ${cells.join(" | ")} |`);
  });

  it("is what is told of the day", ({ expect }) => {
    const seconds = (share: string) => figureOf(`gpu_day_all_completion_${share}`) / 1_000;
    const cells = [
      `${seconds("p50").toFixed(2)} / ${seconds("p99").toFixed(1)}`,
      figureOf("gpu_day_most_nodes"),
      `${Math.round(100 * figureOf("gpu_day_utilisation"))} %`,
      figureOf("gpu_day_cost").toFixed(1),
    ];
    expect(readme).toContain(`five minutes** | ${cells.join(" | ")} |`);
    expect(readme).toContain(`${whole(figureOf("gpu_day_requests"))} requests`);
  });

  it("has no request that was lost or refused, as is told", ({ expect }) => {
    const names = Object.keys(results).filter((name) => /_(?:lost|refused)$/.test(name));
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => figureOf(name) > 0)).toEqual([]);
  });
});
