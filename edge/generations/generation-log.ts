/**
 * A generation as it stands, told by its events.
 *
 * Owns: which event a node's frame becomes, the look-up's answer at any moment. Pure.
 * Does not own: keeping events (generation-store.ts), the bill (edge/billing).
 */
import { toErrorBody } from "#shared/contracts/error-body.ts";
import type { ApiError } from "#shared/contracts/errors.ts";
import type {
  Generation,
  GenerationEvent,
  GenerationStatus,
} from "#shared/contracts/generation-events.ts";
import type { FilledHole, NodeFrame } from "#shared/contracts/node-wire.ts";
import type { FinishReason, Usage } from "#shared/contracts/openai-answers.ts";
import type { HostedOrder } from "./generation-store.ts";

/** What a frame before the last one is. */
type ProgressFrame = Exclude<NodeFrame, { type: "done" | "error" }>;

/** What a whole answer has beside its text. */
export interface Completion {
  readonly text: string;
  readonly holes: readonly FilledHole[] | null;
  readonly finishReason: FinishReason;
  readonly hastenedSteps: number;
  readonly usage: Usage;
}

/** What has been told so far. */
export class GenerationLog {
  readonly #order: HostedOrder;
  #status: GenerationStatus = "queued";
  #text = "";
  #canvasLength = 0;
  #lastStep = 0;
  #hasStarted = false;
  #end: Generation | null = null;

  /** @param events Those that were told before. */
  constructor(order: HostedOrder, events: readonly GenerationEvent[]) {
    this.#order = order;
    for (const event of events) this.#note(event);
  }

  /** True after the last event. */
  get isEnded(): boolean {
    return this.#end !== null;
  }

  /** True once a denoising step was told. */
  get hasSteps(): boolean {
    return this.#lastStep > 0;
  }

  /** The last event's, or where it stands now. */
  get generation(): Generation {
    return this.#end ?? this.#describe({});
  }

  /** The event that a frame is; `null` for one that was told before, by a node that went on from there. */
  progress(frame: ProgressFrame): GenerationEvent | null {
    const event = this.#toEvent(frame);
    if (event !== null) this.#note(event);
    return event;
  }

  /** The last event of a whole answer. */
  complete(answer: Completion): GenerationEvent {
    const { text, holes, usage } = answer;
    const event: GenerationEvent = {
      type: "done",
      generation: this.#describe({
        status: "completed",
        text,
        holes: holes === null ? null : [...holes],
        finish_reason: answer.finishReason,
        hastened_steps: answer.hastenedSteps,
        usage,
      }),
    };
    this.#note(event);
    return event;
  }

  /**
   * The last event of any other.
   *
   * @param usage `null` while the receipt is on its way.
   */
  fail(status: "cancelled" | "failed", error: ApiError, usage: Usage | null): GenerationEvent {
    const event: GenerationEvent = {
      type: "error",
      generation: this.#describe({ status, usage, error: toErrorBody(error, null).error }),
    };
    this.#note(event);
    return event;
  }

  #toEvent(frame: ProgressFrame): GenerationEvent | null {
    const { id, createdAt, model, tier, unitPrice } = this.#order;
    if (frame.type === "queued") {
      return this.#hasStarted ? null : { type: "queued", id, ahead: frame.ahead };
    }
    if (frame.type === "started") {
      if (this.#hasStarted) return null;
      return {
        type: "started",
        id,
        created: Math.floor(createdAt / 1_000),
        model: model.id,
        tier,
        prompt_tokens: frame.prompt_tokens,
        canvas_length: frame.prompt_tokens + frame.generation_length,
        steps: frame.steps,
        block_length: frame.block_length,
        given: frame.given ?? [],
      };
    }
    if (frame.step <= this.#lastStep) return null;
    const { canvas } = frame;
    return {
      type: "step",
      step: frame.step,
      block: frame.block,
      committed: frame.committed,
      provisional: canvas?.provisional ?? [],
      remasked: canvas?.remasked ?? [],
      resize: canvas?.resize ?? null,
      length: canvas?.length ?? this.#canvasLength,
      masked_count: frame.masked_count,
      forward_passes: frame.forward_passes,
      step_units: frame.step_units,
      cost: frame.step_units * unitPrice,
      text_delta: frame.text_delta,
    };
  }

  #note(event: GenerationEvent): void {
    if (event.type === "started") {
      this.#hasStarted = true;
      this.#status = "running";
      this.#canvasLength = event.canvas_length;
    } else if (event.type === "step") {
      this.#lastStep = event.step;
      this.#canvasLength = event.length;
      this.#text += event.text_delta;
    } else if (event.type !== "queued") {
      this.#end = event.generation;
    }
  }

  #describe(facts: Partial<Generation>): Generation {
    const { id, createdAt, model, tier } = this.#order;
    return {
      id,
      object: "generation",
      status: this.#status,
      created: Math.floor(createdAt / 1_000),
      model: model.id,
      system_fingerprint: `fp_${model.weights_digest.slice(0, 12)}`,
      tier,
      text: this.#text,
      holes: null,
      finish_reason: null,
      hastened_steps: 0,
      usage: null,
      error: null,
      ...facts,
    };
  }
}
