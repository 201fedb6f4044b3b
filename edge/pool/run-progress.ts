/**
 * How far a generation has come, by what its client has of it.
 *
 * Owns: what another node would continue from, and what is told twice when one does.
 * Does not own: which node that is (node-run.ts).
 */
import type { Receipt } from "#shared/contracts/node-wire.ts";
import type { NodeProgress } from "./node-events.ts";

/** Where a run stands between two frames. */
export interface RunPosition {
  /** How often it was handed to a node. */
  readonly attempt: number;
  /** Of the weights that began it; `null` before the first step. */
  readonly weightsDigest: string | null;
  /** From which a node continues; `null` for the beginning. */
  readonly state: string | null;
  /** Denoising steps whose frames were told. */
  readonly steps: number;
  readonly stepUnits: number;
  readonly forwardPasses: number;
}

/** Before the first attempt. */
export const BEGINNING: RunPosition = {
  attempt: 0,
  weightsDigest: null,
  state: null,
  steps: 0,
  stepUnits: 0,
  forwardPasses: 0,
};

/** Follows one generation over all its attempts. */
export class RunProgress {
  #position: RunPosition;
  #promptTokens = 0;
  #hasText = false;
  /** Frames of the beginning that were told, by their type. */
  readonly #told = new Set<NodeProgress["type"]>();

  constructor(position: RunPosition = BEGINNING) {
    this.#position = position;
    if (position.attempt > 0) this.#told.add("queued").add("started");
  }

  get position(): RunPosition {
    return this.#position;
  }

  /** Of the weights that began it: no others can go on. `null` before the first step. */
  get weightsDigest(): string | null {
    return this.#position.weightsDigest;
  }

  /** True once the client was told anything. */
  get hasBegun(): boolean {
    return this.#told.size > 0;
  }

  /** True if a node can go on so that nothing is told that the client has already. */
  get isResumable(): boolean {
    return this.#position.state !== null || !this.#hasText;
  }

  /** Counts an attempt. */
  begin(): void {
    this.#position = { ...this.#position, attempt: this.#position.attempt + 1 };
  }

  /**
   * Takes a frame.
   *
   * @returns False if the client has it from an attempt before.
   */
  take(frame: NodeProgress, weightsDigest: string): boolean {
    if (frame.type === "step") {
      if (frame.step <= this.#position.steps) return false;
      this.#hasText ||= frame.text_delta !== "";
      this.#position = {
        ...this.#position,
        weightsDigest,
        state: frame.state ?? null,
        steps: frame.step,
        stepUnits: frame.step_units,
        forwardPasses: frame.forward_passes,
      };
      return true;
    }
    if (frame.type === "started") this.#promptTokens = frame.prompt_tokens;
    const isNew = frame.type === "done" || !this.#told.has(frame.type);
    this.#told.add(frame.type);
    return isNew;
  }

  /** The bill of what was told, for a run that no node finishes; `null` if that is nothing. */
  toReceipt(requestId: string): Receipt | null {
    const { steps, stepUnits, forwardPasses } = this.#position;
    if (stepUnits === 0) return null;
    return {
      request_id: requestId,
      node_id: "edge",
      outcome: "failed",
      prompt_tokens: this.#promptTokens,
      // Only a tokenizer could say, and none is here.
      completion_tokens: 0,
      steps,
      forward_passes: forwardPasses,
      step_units: stepUnits,
    };
  }
}
