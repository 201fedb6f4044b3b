/**
 * Next and previous line of couplets: LLaDA's reversal, diffusion against its autoregressive twin.
 *
 * The masked form shows the other line and hides a whole one; a left-to-right model cannot be asked so,
 * and is given the visible line, then left to write the hidden one.
 */

import type { Couplet, CoupletGroups } from "./corpus.ts";
import { type Decoding, decodeByTier } from "./decodings.ts";
import { type EvaluatedModel, encodeChat } from "./evaluation-model.ts";
import { mean } from "./mean.ts";
import type { EvaluationPart, PartContext } from "./part.ts";
import { runItems } from "./run-items.ts";
import { askedCouplets, maskedCouplets, type TaskItem } from "./tasks.ts";
import { continueGreedily } from "./twin.ts";

const DIRECTIONS = ["next", "previous"] as const;
type Direction = (typeof DIRECTIONS)[number];

/** Columns of an answer in question form: a line, its end, and a little room. */
const ANSWER_LENGTH = 16;
const QUICK_COUPLETS = 60;
/** What is reported, of which groups: 391, 452 in the trained wording, 469 as published, 1,003. */
const REPORTED = {
  exact: ["exact"],
  trained: ["exact", "variant"],
  all: ["exact", "rest"],
  holdout: ["holdout"],
} as const;
/** Couplets asked as questions; the published ones that were trained word for word. */
const MAX_QUESTIONS = 200;

/** `reversal`. */
export const reversalPart: EvaluationPart = {
  name: "reversal",
  weight: 4,
  async run(context) {
    const { corpus, report, isQuick } = context;
    if (corpus === null) return report.skip("reversal_*", "needs --data CORPUS");
    const groups = readGroups(corpus.couplets, isQuick);
    const exact = decodeByTier("quality");
    report.plan(DIRECTIONS.length * (Object.keys(groups).length + 2));
    for (const direction of DIRECTIONS) {
      const scores: Record<string, number[]> = {};
      for (const [name, couplets] of Object.entries(groups)) {
        const items = maskedCouplets(context.model, couplets, direction);
        scores[name] = await answerAll(context, exact, items, `masked ${direction}, ${name}`);
      }
      for (const [name, members] of Object.entries(REPORTED)) {
        const all = members.flatMap((member) => scores[member] ?? []);
        report.add(`reversal_${name}_${direction}`, mean(all), "fraction");
        if (direction === "next") report.add(`reversal_${name}_couplets`, all.length, "couplets");
      }
    }
    const asked = groups.exact.slice(0, isQuick ? QUICK_COUPLETS : MAX_QUESTIONS);
    for (const direction of DIRECTIONS) {
      const items = askedCouplets(asked, direction, ANSWER_LENGTH);
      const scores = await answerAll(context, exact, items, `asked ${direction}`);
      report.add(`reversal_question_${direction}`, mean(scores), "fraction");
    }
    await runTwin(context, groups, asked);
  },
};

/** Groups that share no couplet: each is run once. */
function readGroups({ exact, variant, all, holdout }: CoupletGroups, isQuick: boolean) {
  const limit = isQuick ? QUICK_COUPLETS : Number.POSITIVE_INFINITY;
  const rest = all.filter((couplet) => !exact.includes(couplet));
  return {
    exact: exact.slice(0, limit),
    variant: variant.slice(0, limit),
    rest: rest.slice(0, limit),
    holdout: holdout.slice(0, limit),
  };
}

async function answerAll(
  { model, report }: PartContext,
  decoding: Decoding,
  items: readonly TaskItem[],
  what: string,
): Promise<number[]> {
  const answers = await runItems(model, decoding, items, (done) =>
    report.progress(done, items.length, what),
  );
  return answers.map(({ score }) => score);
}

async function runTwin(
  { twin, report }: PartContext,
  groups: Readonly<Record<string, readonly Couplet[]>>,
  asked: readonly Couplet[],
): Promise<void> {
  if (twin === null) return report.skip("reversal_twin_*", "needs --twin DIR");
  for (const name of ["exact", "holdout"]) {
    for (const direction of DIRECTIONS) {
      report.progress(0, 1, `twin ${direction}`);
      const share = await continueLines(twin, groups[name] ?? [], direction);
      report.add(`reversal_twin_${name}_${direction}`, share, "fraction");
    }
  }
  for (const direction of DIRECTIONS) {
    const items = askedCouplets(asked, direction, ANSWER_LENGTH);
    const orders = items.map(({ input }) => ({
      promptTokenIds: input.kind === "chat" ? encodeChat(twin, input.content) : [],
      maxTokens: ANSWER_LENGTH,
    }));
    const { endOfTextTokenId, endOfTurnTokenId } = twin.served.specialTokens;
    const ends = new Set([endOfTextTokenId, endOfTurnTokenId ?? endOfTextTokenId]);
    const answers = await continueGreedily(twin.predictor, orders, ends);
    const scores = items.map((item, i) => {
      const text = twin.tokenizer.decode(answers[i] ?? []);
      return item.score({ text, holes: [], tokenIds: [] });
    });
    report.add(`reversal_twin_question_${direction}`, mean(scores), "fraction");
  }
}

/** The visible line and a comma; what follows, as long as the hidden line, must be it. */
async function continueLines(
  { tokenizer, predictor }: EvaluatedModel,
  couplets: readonly Couplet[],
  direction: Direction,
): Promise<number> {
  const pairs = couplets.map(({ first, second }) =>
    direction === "next" ? [first, second] : [second, first],
  );
  const orders = pairs.map(([given = "", wanted = ""]) => ({
    promptTokenIds: tokenizer.encodeUserText(`${given}，`),
    maxTokens: tokenizer.encodeUserText(wanted).length,
  }));
  const answers = await continueGreedily(predictor, orders, new Set());
  return mean(pairs.map(([, wanted], i) => Number(tokenizer.decode(answers[i] ?? []) === wanted)));
}
