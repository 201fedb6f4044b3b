/**
 * A generation that has begun, until nothing is left of it: no work at the node, no open bill.
 *
 * Owns: the end, whoever brings it: the node's last frame, a failure, or a client that leaves.
 * Does not own: beginning (start-generation.ts), the answer's words (edge/streaming).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { NodeFrame } from "#shared/contracts/node-wire.ts";
import { type Bill, toUsage } from "#shared/contracts/openai-answers.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { AnsweringModel } from "../accounts/claims.ts";
import type { AnswerText, Tab } from "../billing/tab.ts";
import type { NodeEvent } from "../pool/node-events.ts";
import type { NodeGeneration } from "../pool/node-pool.ts";
import type { RelayedEvent } from "../streaming/chunk-stream.ts";

/**
 * How long a node that was told to stop is listened to for its receipt: a step or two. Later ones
 * come by another way.
 */
const RECEIPT_WAIT_MS = 500;

/** A generation that has begun. */
export interface RunningGeneration {
  /** `gen_…` */
  readonly id: string;
  readonly model: AnsweringModel;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** What to tell the client; the last one is the answer, charged, or the reading throws. */
  readonly events: AsyncGenerator<RelayedEvent, void, void>;
  /** Says that the answer is complete or broken: nothing is left to stop. */
  finish(): void;
  /** Says that the client has left: the node stops at its next step. */
  abandon(): void;
  /** True once the client has left. */
  isAbandoned(): boolean;
}

type DoneFrame = Extract<NodeFrame, { type: "done" }>;

/** What a running generation is made of. */
export interface RunningParts {
  readonly id: string;
  readonly createdAt: number;
  readonly tier: Tier;
  readonly generation: NodeGeneration;
  readonly tab: Tab;
  /** Aborted when the client leaves. */
  readonly clientSignal: AbortSignal;
  /** Told once, with the last of the work. */
  readonly end: (lastWork: Promise<void>) => void;
}

/** Watches a generation. A client's leaving is told by its signal, or by {@link RunningGeneration.abandon}. */
export function watchGeneration(parts: RunningParts): RunningGeneration {
  const { id, generation, tab, clientSignal } = parts;
  const heard = new Heard();
  const events = observe(generation.events, heard, tab);
  let state: "running" | "finished" | "abandoned" = "running";

  async function closeFinished(): Promise<void> {
    generation.close();
    await tab.close(heard.hasSteps);
  }

  async function closeAbandoned(): Promise<void> {
    await Promise.all([generation.cancel(), drain(events, RECEIPT_WAIT_MS)]);
    generation.close();
    // A node that was stopped before its first step says so, and has no receipt.
    await tab.close(!heard.isCancelled || heard.hasSteps);
  }

  const leave = (newState: "finished" | "abandoned") => {
    if (state !== "running") return;
    state = newState;
    clientSignal.removeEventListener("abort", abandon);
    parts.end(newState === "abandoned" ? closeAbandoned() : closeFinished());
  };
  const abandon = () => leave("abandoned");
  clientSignal.addEventListener("abort", abandon);
  return {
    id,
    model: generation.model,
    createdAt: parts.createdAt,
    events: relay(events, parts),
    // The reading may break off before the signal's own listener is called.
    finish: () => leave(clientSignal.aborted ? "abandoned" : "finished"),
    abandon,
    isAbandoned: () => state === "abandoned",
  };
}

/** What was heard of a node's work, whoever listened. */
class Heard {
  /** True once a step was executed. */
  hasSteps = false;
  /** True once the node said that it stopped when told to. */
  isCancelled = false;
}

/** The events, heard as they pass by whoever reads them. */
function observe(
  events: AsyncIterableIterator<NodeEvent, void, void>,
  heard: Heard,
  tab: Tab,
): AsyncIterableIterator<NodeEvent, void, void> {
  return {
    async next() {
      try {
        const next = await events.next();
        const frame = !next.done && next.value.type === "frame" ? next.value.frame : null;
        if (frame?.type === "step") heard.hasSteps = true;
        if (frame?.type === "done") void settleAnswer(frame, tab);
        return next;
      } catch (error) {
        heard.isCancelled = error instanceof ApiError && error.code === "cancelled";
        throw error;
      }
    },
    return: () => events.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A node's events as a client is told them, the last one when it is paid. */
async function* relay(
  events: AsyncIterableIterator<NodeEvent, void, void>,
  { tab, tier }: RunningParts,
): AsyncGenerator<RelayedEvent, void, void> {
  for await (const event of events) {
    if (event.type === "comment") yield event;
    else if (event.frame.type !== "done") {
      yield { type: "text", text: event.frame.type === "step" ? event.frame.text_delta : "" };
    } else {
      const { receipt, hastened_steps: hastenedSteps } = event.frame;
      const bill = await settleAnswer(event.frame, tab);
      const usage = toUsage(receipt, { tier, hastenedSteps }, bill);
      yield { type: "answer", ...toAnswerText(event.frame), usage };
    }
  }
}

/** Charges an answer: once, whoever asks for the bill. */
function settleAnswer(frame: DoneFrame, tab: Tab): Promise<Bill> {
  return tab.settle(frame.receipt, toAnswerText(frame));
}

function toAnswerText(frame: DoneFrame): AnswerText {
  const { text, holes, scores, finish_reason: finishReason, hastened_steps: hastenedSteps } = frame;
  return { text, finishReason, hastenedSteps, ...(holes && { holes }), ...(scores && { scores }) };
}

/** Reads to the end, for the receipt in it; gives up when it takes too long. */
async function drain(
  events: AsyncIterableIterator<NodeEvent, void, void>,
  maxMs: number,
): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), maxMs);
  try {
    for (;;) {
      // Behind a reader that is still waiting, this waits its turn.
      const next = await Promise.race([events.next(), late]);
      if (next === "late" || next.done) return;
    }
  } catch {
    // It broke off, as a node that was stopped does; what it said was heard.
  } finally {
    clearTimeout(timer);
  }
}
