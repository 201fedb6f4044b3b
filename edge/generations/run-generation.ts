/**
 * One try to have a generation run to its end on a node.
 *
 * Owns: the last event, whoever brings it: the node, a failure, whoever stops it; the bill.
 * Does not own: keeping and telling events (generation-object.ts), which node (edge/pool).
 */
import { toApiError } from "#shared/contracts/error-body.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type { NodeFrame, Receipt } from "#shared/contracts/node-wire.ts";
import { type Bill, toUsage, type Usage } from "#shared/contracts/openai-answers.ts";
import { fillTemplate, joinHoles } from "#shared/contracts/template.ts";
import type { Tab } from "../billing/tab.ts";
import type { NodeEvent } from "../pool/node-events.ts";
import type { GenerationOrder, NodeGeneration } from "../pool/node-pool.ts";
import type { GenerationLog } from "./generation-log.ts";
import type { HostedOrder } from "./generation-store.ts";

type DoneFrame = Extract<NodeFrame, { type: "done" }>;

/** How long a node that was told to stop is listened to for its receipt: a step or two. */
const RECEIPT_WAIT_MS = 10_000;

/** What a run is made of. */
export interface RunParts {
  readonly order: HostedOrder;
  readonly log: GenerationLog;
  readonly tab: Tab;
  /** Starts it on a node. */
  readonly open: (
    order: Pick<GenerationOrder, "signal" | "onFailureReceipt">,
  ) => Promise<NodeGeneration>;
  /** Told of all that the node says but the last. */
  readonly onEvent: (event: Exclude<NodeEvent, { frame: { type: "done" } }>) => void;
}

/** A generation on its way. */
export class GenerationRun {
  readonly #parts: RunParts;
  readonly #controller = new AbortController();
  #generation: NodeGeneration | null = null;
  #receipt: Receipt | null = null;
  #isStopped = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  /**
   * Runs it and settles its bill.
   *
   * @returns The last event. Never rejects but where the account cannot be asked.
   */
  async run(): Promise<{ error: ApiError | null; event: ReturnType<GenerationLog["complete"]> }> {
    const { log, order, tab } = this.#parts;
    try {
      const frame = await this.#hearAll();
      const holes = order.template && joinHoles(order.template, frame.holes ?? []);
      if (order.template !== null && holes === null) {
        throw new ApiError("node_failed", "The node did not fill every hole.");
      }
      const { finish_reason: finishReason, hastened_steps: hastenedSteps } = frame;
      const text = order.template && holes ? fillTemplate(order.template, holes) : frame.text;
      const answer = { text, finishReason, hastenedSteps, ...(holes && { holes }) };
      const usage = this.#toUsage(
        frame.receipt,
        hastenedSteps,
        await tab.settle(frame.receipt, answer),
      );
      return { error: null, event: log.complete({ ...answer, holes, usage }) };
    } catch (thrown) {
      return await this.#fail(toApiError(thrown));
    }
  }

  /** Has the node stop at its next step; may be called again. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#generation === null) {
      this.#controller.abort();
      return;
    }
    const { close } = this.#generation;
    void this.#generation.cancel();
    setTimeout(close, RECEIPT_WAIT_MS);
  }

  async #hearAll(): Promise<DoneFrame> {
    const generation = await this.#parts.open({
      signal: this.#controller.signal,
      onFailureReceipt: (receipt) => {
        this.#receipt = receipt;
        void this.#parts.tab.settle(receipt, null);
      },
    });
    this.#generation = generation;
    try {
      for await (const event of generation.events) {
        if (event.type === "frame" && event.frame.type === "done") return event.frame;
        this.#parts.onEvent(event as Parameters<RunParts["onEvent"]>[0]);
      }
      throw new ApiError("node_failed", "The node gave no answer.");
    } finally {
      generation.close();
    }
  }

  async #fail(error: ApiError): Promise<Awaited<ReturnType<GenerationRun["run"]>>> {
    const { log, tab } = this.#parts;
    const isCancelled = this.#isStopped;
    // A node that stopped before its first step says so, and has no receipt; one that was given up
    // before it began may have run one.
    const saidNothing = error.code === "cancelled" && this.#generation !== null;
    const mayHaveRun = log.hasSteps || (isCancelled && !saidNothing);
    const receipt = this.#receipt;
    const bill = receipt === null ? null : await tab.settle(receipt, null);
    await tab.close(mayHaveRun);
    const usage = receipt && bill && this.#toUsage(receipt, 0, bill);
    const told = isCancelled ? new ApiError("cancelled", "The generation was cancelled.") : error;
    return { error, event: log.fail(isCancelled ? "cancelled" : "failed", told, usage) };
  }

  #toUsage(receipt: Receipt, hastenedSteps: number, bill: Bill): Usage {
    return toUsage(receipt, { tier: this.#parts.order.tier, hastenedSteps }, bill);
  }
}
