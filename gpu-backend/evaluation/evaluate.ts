/**
 * `npm run evaluate`: what the embedded model can do, and what the steps buy, measured here.
 *
 * Owns: the flags, the order of the parts, the document and the exit code: 0, or 1 where a part failed, 2
 * where the command line or a folder is wrong.
 * Does not own: any measurement (…-part.ts).
 */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ApiError } from "#shared/contracts/errors.ts";
import { candidatesPart } from "./candidates-part.ts";
import { readCorpus, readLines } from "./corpus.ts";
import { decodersPart } from "./decoders-part.ts";
import { type EvaluatedModel, openModel } from "./evaluation-model.ts";
import { fillCard, logLineSchema, recordedSchema } from "./fill-card.ts";
import { likelihoodPart } from "./likelihood-part.ts";
import { describeMachine, readCommit } from "./measured-on.ts";
import type { EvaluationPart, PartContext } from "./part.ts";
import { Report } from "./report.ts";
import { reversalPart } from "./reversal-part.ts";
import { samplesPart } from "./samples-part.ts";
import { stepsPart } from "./steps-part.ts";

const PARTS = [
  reversalPart,
  stepsPart,
  decodersPart,
  likelihoodPart,
  samplesPart,
  candidatesPart,
] as const;
const DEFAULT_CHECKPOINT = fileURLToPath(new URL("../model/default", import.meta.url));
/** The recorded evaluation, which the contract's tiers and the model card follow. */
const RECORDED_FILE = fileURLToPath(new URL("recorded.json", import.meta.url));
const EXIT_FAILED = 1;
const EXIT_REFUSED = 2;

const USAGE = `usage: npm run evaluate -- [--data CORPUS] [--twin DIR] [--json FILE | --record] [--quick] [--only PART,…] [--checkpoint DIR]

  --data CORPUS     the corpus folder (training/README.md): couplets, word problems, stories
  --twin DIR        what \`npm run train -- --twin\` exported: the judge, and what diffusion is compared with
  --json FILE       where the document goes; pictures go beside it. Default: figures on standard error alone
  --record          all of it: replaces evaluation/recorded.json, its pictures and the card's figures
  --quick           a look in two minutes
  --only PART,…     of ${PARTS.map(({ name }) => name).join(", ")}; the last one runs only so
  --checkpoint DIR  another model than the embedded one
`;

/** What the command line asks for. */
interface Options {
  readonly data: string | null;
  readonly twin: string | null;
  readonly json: string | null;
  readonly isQuick: boolean;
  readonly isRecorded: boolean;
  readonly parts: readonly EvaluationPart[];
  readonly checkpoint: string;
}

/** A mistake in the command line. */
class UsageError extends Error {}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      twin: { type: "string" },
      json: { type: "string" },
      only: { type: "string" },
      checkpoint: { type: "string", default: DEFAULT_CHECKPOINT },
      quick: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
    },
  });
  if (values.record) checkRecordable(values);
  const wanted = values.only?.split(",");
  const unknown = wanted?.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown !== undefined) throw new UsageError(`--only: there is no part ${unknown}.`);
  return {
    data: values.data ?? null,
    twin: values.twin ?? null,
    json: values.record ? RECORDED_FILE : values.json === undefined ? null : resolve(values.json),
    isQuick: values.quick,
    isRecorded: values.record,
    parts: PARTS.filter(({ name, weight }) => wanted?.includes(name) ?? weight > 0),
    checkpoint: values.checkpoint,
  };
}

/** What is recorded stands for the shipped model, whole. */
function checkRecordable(values: Readonly<Record<string, string | boolean | undefined>>): void {
  const isWhole = values["data"] !== undefined && values["twin"] !== undefined;
  if (!isWhole) throw new UsageError("--record needs --data and --twin.");
  const isOther = values["checkpoint"] !== DEFAULT_CHECKPOINT || values["quick"] === true;
  if (isOther || values["only"] !== undefined || values["json"] !== undefined) {
    throw new UsageError("--record goes with neither --quick, --only, --json nor --checkpoint.");
  }
}

function describeModel({ checkpoint, served }: EvaluatedModel) {
  return {
    name: served.description.id,
    parameters: checkpoint.parameterCount,
    weights_sha256: served.description.weights_digest,
  };
}

/** Ids mean the same in both only where the tokenizers are one. */
function checkTokenizers(model: EvaluatedModel, twin: EvaluatedModel): void {
  const [own, other] = [model, twin].map(({ checkpoint }) =>
    createHash("sha256")
      .update(readFileSync(join(checkpoint.directory, "tokenizer.json")))
      .digest("hex"),
  );
  if (own === other) return;
  throw new ApiError("invalid_parameter", "The twin has another tokenizer than the model.", {
    param: "twin",
  });
}

async function open(options: Options, report: Report): Promise<PartContext> {
  const corpus = options.data === null ? null : await readCorpus(options.data);
  const model = await openModel(options.checkpoint);
  const twin = options.twin === null ? null : await openModel(options.twin, "autoregressive");
  if (twin !== null) checkTokenizers(model, twin);
  return { model, twin, corpus, isQuick: options.isQuick, report };
}

/** @returns Why the part failed; null where it did not. The others go on. */
async function runPart(part: EvaluationPart, context: PartContext): Promise<string | null> {
  try {
    await part.run(context);
    return null;
  } catch (thrown) {
    const [message, stack] =
      thrown instanceof Error ? [thrown.message, thrown.stack] : [String(thrown), ""];
    context.report.tell(`FAILED ${part.name}: ${stack ?? message}`);
    return message;
  }
}

/** @returns Whether every part ran to its end. */
async function evaluate(options: Options, report: Report): Promise<boolean> {
  const context = await open(options, report);
  const { model, twin } = context;
  const document = {
    date: new Date().toISOString(),
    commit: readCommit(),
    hardware: describeMachine(),
    model: describeModel(model),
    twin: twin === null ? null : describeModel(twin),
    is_quick: options.isQuick,
  };
  const failed: Record<string, string> = {};
  const total = options.parts.reduce((sum, { weight }) => sum + Math.max(1, weight), 0);
  let before = 0;
  for (const part of options.parts) {
    const weight = Math.max(1, part.weight) / total;
    report.enter(part.name, before, weight);
    const reason = await runPart(part, context);
    if (reason !== null) failed[part.name] = reason;
    before += weight;
    // After each part, so that what was measured is not lost with the rest.
    if (options.json !== null) write(options.json, { ...document, failed }, report);
  }
  if (options.isRecorded && Object.keys(failed).length === 0) writeCard(options.checkpoint);
  await model.predictor.close();
  await twin?.predictor.close();
  return Object.keys(failed).length === 0;
}

function write(file: string, document: object, report: Report): void {
  const { results, skipped, kept, pictures } = report;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...document, results, skipped, ...kept }, null, 2)}\n`);
  for (const [name, svg] of Object.entries(pictures)) {
    writeFileSync(join(dirname(file), `${name}.svg`), svg);
  }
}

/** Fills the shipped card from the recorded evaluation and the training's log. */
function writeCard(checkpoint: string): void {
  const file = join(checkpoint, "MODEL_CARD.md");
  const recorded = recordedSchema.parse(JSON.parse(readFileSync(RECORDED_FILE, "utf8")));
  const log = readLines(
    readFileSync(join(checkpoint, "training-log.jsonl"), "utf8"),
    logLineSchema,
  );
  writeFileSync(file, fillCard(readFileSync(file, "utf8"), recorded, log));
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(USAGE);
    return 0;
  }
  const report = new Report({
    write: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    now: () => performance.now(),
  });
  try {
    return (await evaluate(readOptions(args), report)) ? 0 : EXIT_FAILED;
  } catch (thrown) {
    const isRefusal =
      thrown instanceof ApiError ||
      thrown instanceof UsageError ||
      (thrown instanceof TypeError && "code" in thrown);
    if (!isRefusal) throw thrown;
    process.stderr.write(`${thrown.message}\n${USAGE}`);
    return EXIT_REFUSED;
  }
}

// Sessions that a failed part left behind must not keep the process.
process.exit(await main(process.argv.slice(2)));
