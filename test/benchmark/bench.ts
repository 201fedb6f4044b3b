/**
 * `npm run bench -- --json FILE [--only PART,…] [--quick] [--soak-minutes N]`: every figure that the
 * documents quote, measured on this machine.
 *
 * Owns: the order of the parts, and the file: `{date, commit, hardware, model, results, skipped, failed}`.
 * Does not own: any measurement. Figures are lines on standard error as they come.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readCommit } from "../../gpu-backend/evaluation/measured-on.ts";
import { ProgressBar } from "../../gpu-backend/evaluation/progress-bar.ts";
import { describeModel } from "./engine/bench-model.ts";
import { describeHardware } from "./hardware.ts";
import type { BenchOptions, BenchPart } from "./part.ts";
import { PARTS } from "./parts.ts";
import { KeptReport } from "./report.ts";

const USAGE = `npm run bench -- --json FILE [--only ${PARTS.map(({ name }) => name).join(",")}] [--quick] [--soak-minutes N]`;
const EXIT_REFUSED = 2;

function readFlags(): { options: BenchOptions; file: string; parts: readonly BenchPart[] } {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      "soak-minutes": { type: "string", default: "0" },
    },
  });
  if (values.json === undefined) throw new TypeError("--json is missing");
  const soakMinutes = Number(values["soak-minutes"]);
  if (!(soakMinutes >= 0)) throw new TypeError("--soak-minutes is no number of minutes");
  const wanted = values.only?.split(",");
  const unknown = wanted?.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown !== undefined) throw new TypeError(`there is no part ${unknown}`);
  const file = resolve(values.json);
  return {
    options: { isQuick: values.quick, soakMinutes, plotFolder: dirname(file) },
    file,
    parts: PARTS.filter(({ name }) => wanted?.includes(name) ?? true),
  };
}

async function main(): Promise<boolean> {
  const { options, file, parts } = readFlags();
  mkdirSync(options.plotFolder, { recursive: true });
  const now = () => performance.now();
  const startedAt = now();
  const terminal = process.stderr.isTTY ? process.stderr : null;
  // Where there is no terminal, the report's lines tell how far it is.
  const bar = new ProgressBar({ terminal, writeLine: () => undefined, now });
  let [done, current] = [0, ""];
  const report = new KeptReport((line) => {
    const seconds = ((now() - startedAt) / 1000).toFixed(0).padStart(4);
    bar.clear();
    process.stderr.write(`${seconds} s  ${line}\n`);
    bar.show(done / parts.length, current);
  });
  const document = {
    date: new Date().toISOString(),
    commit: readCommit(),
    hardware: describeHardware(),
    model: await describeModel(),
    is_quick: options.isQuick,
  };
  const failed: Record<string, string> = {};
  for (const part of parts) {
    current = part.name;
    report.tell(`— ${part.name}`);
    try {
      await part.run(options, report);
    } catch (thrown) {
      const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      failed[part.name] = reason;
      report.tell(`FAILED ${part.name}: ${reason}`);
    }
    done += 1;
    // After each part, so that what was measured is not lost with the rest.
    const { figures: results, skipped } = report;
    writeFileSync(file, `${JSON.stringify({ ...document, results, skipped, failed }, null, 2)}\n`);
  }
  report.tell(`written to ${file}`);
  bar.clear();
  return Object.keys(failed).length === 0;
}

try {
  // Peers and sessions that a failed part left behind must not keep the process.
  process.exit((await main()) ? 0 : 1);
} catch (thrown) {
  if (!(thrown instanceof TypeError)) throw thrown;
  process.stderr.write(`${thrown.message}\n${USAGE}\n`);
  process.exit(EXIT_REFUSED);
}
