/**
 * The model card's figures, from a recorded evaluation and the training's log; pure.
 *
 * Owns: what stands between a card's markers `<!-- NAME -->` and `<!-- /NAME -->`.
 * Does not own: the words around them, which are written by hand.
 */

import { z } from "zod";
import { tierSchema } from "#shared/contracts/tier-names.ts";

const figureSchema = z.object({ value: z.number(), unit: z.string() });

/** What the card reads of a recorded evaluation. */
export const recordedSchema = z.looseObject({
  date: z.string(),
  commit: z.string(),
  hardware: z.looseObject({ cpu: z.string(), cores: z.number() }),
  model: z.looseObject({ parameters: z.number(), weights_sha256: z.string() }),
  results: z.record(z.string(), figureSchema),
  tiers: z.record(z.string(), z.unknown()).optional(),
  samples: z.array(z.object({ request: z.string(), answer: z.string() })).default([]),
  infilling: z
    .array(
      z.object({
        before: z.string(),
        filled: z.string(),
        after: z.string(),
        original: z.string(),
      }),
    )
    .default([]),
});
export type Recorded = z.infer<typeof recordedSchema>;

/** What the card reads of a line of the training's log. */
export const logLineSchema = z.looseObject({
  event: z.string(),
  step: z.number(),
  minutes: z.number(),
  tokens: z.number().optional(),
  tokens_by_task: z.record(z.string(), z.number()).optional(),
  loss: z.record(z.string(), z.number()).optional(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/**
 * Fills a card's markers.
 *
 * @throws {RangeError} if a section's markers are not in the card.
 */
export function fillCard(card: string, recorded: Recorded, log: readonly LogLine[]): string {
  let filled = card;
  for (const [name, text] of Object.entries(writeSections(recorded, log))) {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [start, end] = [filled.indexOf(open), filled.indexOf(close)];
    if (start < 0 || end < start) throw new RangeError(`the card has no section ${name}`);
    filled = `${filled.slice(0, start + open.length)}\n${text}\n${filled.slice(end)}`;
  }
  return filled;
}

function writeSections(recorded: Recorded, log: readonly LogLine[]): Record<string, string> {
  return {
    origin: writeOrigin(recorded),
    training: writeTraining(log),
    reversal: writeReversal(recorded),
    tasks: writeTasks(recorded),
    likelihood: writeLikelihood(recorded),
    infilling: table(
      ["", "story with its hole filled", "what stood there"],
      recorded.infilling.map(({ before, filled, after, original }, i) => [
        String(i + 1),
        `…${cell(before.slice(-90))}**⟦${cell(filled)}⟧**${cell(after.slice(0, 60))}…`,
        cell(original),
      ]),
    ),
    samples: table(
      ["", "request", "answer"],
      recorded.samples.map(({ request, answer }, i) => [
        String(i + 1),
        cell(request),
        cell(answer),
      ]),
    ),
  };
}

function writeOrigin({ date, commit, hardware, model }: Recorded): string {
  const day = date.slice(0, 10);
  const { parameters, weights_sha256: digest } = model;
  return `Measured on ${day} at commit ${commit.slice(0, 9)}, on ${hardware.cores} cores of ${hardware.cpu}, of ${parameters.toLocaleString("en")} parameters with the SHA-256 ${digest.slice(0, 16)}….`;
}

function writeTraining(log: readonly LogLine[]): string {
  const last = log.findLast(({ tokens }) => tokens !== undefined);
  const bounds = log.filter(({ event }) => event === "held_out");
  const shares = Object.entries(last?.tokens_by_task ?? {});
  const total = shares.reduce((sum, [, tokens]) => sum + tokens, 0);
  const [first, end] = [bounds[0]?.loss ?? {}, bounds.at(-1)?.loss ?? {}];
  return [
    table(
      ["training", ""],
      [
        ["time", `${Math.round(last?.minutes ?? 0)} minutes`],
        ["steps", (last?.step ?? 0).toLocaleString("en")],
        ["tokens", `${millions(last?.tokens ?? 0)} M, padding included`],
        ...Object.keys(end).map((name) => [
          `held-out bound, ${name}, nats per token`,
          `${first[name]} after ${Math.round(bounds[0]?.minutes ?? 0)} minutes, ${end[name]} at the end`,
        ]),
      ],
    ),
    ...(shares.length === 0
      ? []
      : [
          table(
            ["task", "tokens", "share"],
            shares.map(([name, tokens]) => [
              name.replaceAll("_", " "),
              `${millions(tokens)} M`,
              `${Math.round((100 * tokens) / total)} %`,
            ]),
          ),
        ]),
  ].join("\n\n");
}

function writeReversal(recorded: Recorded): string {
  const percent = percentOf(recorded);
  const count = (name: string) => recorded.results[`reversal_${name}_couplets`]?.value ?? 0;
  const row = (label: string, name: string) => [
    label,
    percent(`reversal_${name}_next`),
    percent(`reversal_${name}_previous`),
  ];
  return table(
    ["couplets", "next line", "previous line"],
    [
      row(`masked line, ${count("exact")} trained word for word`, "exact"),
      row(`masked line, ${count("trained")} trained in some wording`, "trained"),
      row(`masked line, all ${count("all")}, as published`, "all"),
      row(`masked line, ${count("holdout")} others, never trained as a question`, "holdout"),
      row("asked as a question in chat form", "question"),
      row("autoregressive twin, goes on after the visible line", "twin_exact"),
      row("autoregressive twin, others", "twin_holdout"),
      row("autoregressive twin, asked in chat form", "twin_question"),
      // arXiv 2502.09992, table 4; 42.4 is of the paper's first version.
      ["LLaDA 8B Instruct, asked (its paper; first version)", "51.8 %", "45.6 % (42.4 %)"],
      ["GPT-4o, asked (the same paper)", "82.7 %", "34.3 %"],
    ],
  );
}

const TASKS = ["couplets", "problems", "sums", "holes"] as const;

function writeTasks(recorded: Recorded): string {
  const percent = percentOf(recorded);
  const number = (name: string, digits: number) =>
    recorded.results[name]?.value.toFixed(digits) ?? "–";
  return table(
    [
      "tier",
      ...TASKS,
      "story perplexity",
      "distinct pairs",
      "tokens a pass",
      "passes a story",
      "micro-dollars",
      "ms a story",
    ],
    tierSchema.options.map((tier) => [
      tier,
      ...TASKS.map((task) => percent(`tier_${tier}_${task}`)),
      number(`tier_${tier}_stories_perplexity`, 1),
      percent(`tier_${tier}_stories_distinct_pairs`),
      number(`tier_${tier}_tokens_per_pass`, 2),
      number(`tier_${tier}_stories_passes`, 1),
      number(`tier_${tier}_price`, 0),
      number(`${tier}_ms`, 0),
    ]),
  );
}

function writeLikelihood({ results }: Recorded): string {
  const number = (name: string) => results[name]?.value.toFixed(3) ?? "–";
  const errors = Object.entries(results).flatMap(([name, { value }]) => {
    const samples = /^likelihood_error_(\d+)_samples$/.exec(name)?.[1];
    return samples === undefined ? [] : [`${samples} samples ${value.toFixed(3)}`];
  });
  return [
    table(
      ["held-out text", "diffusion, at most", "its standard error", "twin, exact"],
      ["stories", "problems"].map((name) => [
        name,
        number(`likelihood_${name}_bound`),
        number(`likelihood_${name}_bound_error`),
        number(`likelihood_${name}_twin`),
      ]),
    ),
    `Standard error of one text's bound, nats per token: ${errors.join(", ")}.`,
  ].join("\n\n");
}

function percentOf({ results }: Recorded): (name: string) => string {
  return (name) => {
    const value = results[name]?.value;
    return value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
  };
}

function millions(tokens: number): string {
  return (tokens / 1e6).toFixed(2);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/** Text in a table: on one line, and none of it markup. */
function cell(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("|", "\\|")
    .replaceAll("*", "\\*")
    .replaceAll("\n", "<br>");
}
