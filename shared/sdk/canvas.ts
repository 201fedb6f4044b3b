/**
 * The canvas of a generation as its events describe it.
 *
 * Owns: what each position holds after each step. Immutable, so that every step's canvas can be kept and
 * shown again. Does not own: where events come from (generation-stream.ts).
 */
import type { StartedEvent, StepEvent } from "./api-types.ts";

/** One position. */
export interface CanvasPosition {
  /**
   * `given` by a template; `masked`; `provisional`: still masked, what it would take now; `committed`:
   * it keeps its token unless revision masks it again.
   */
  readonly status: "given" | "masked" | "provisional" | "committed";
  /** Empty where it is masked. */
  readonly text: string;
  readonly tokenId: number | null;
  /** In [0, 1]; `null` where nothing was predicted. */
  readonly confidence: number | null;
}

const MASKED: CanvasPosition = { status: "masked", text: "", tokenId: null, confidence: null };

/** What is shown of a canvas: everything after the prompt. */
export class Canvas {
  /** Columns before the first position: the prompt's. */
  readonly start: number;
  readonly positions: readonly CanvasPosition[];

  private constructor(start: number, positions: readonly CanvasPosition[]) {
    this.start = start;
    this.positions = positions;
  }

  /** The canvas that a generation begins with. */
  static begin({ prompt_tokens, canvas_length, given }: StartedEvent): Canvas {
    const start = prompt_tokens - given.length;
    const positions = Array.from({ length: canvas_length - start }, () => MASKED);
    for (const { position, text } of given) {
      positions[position - start] = { status: "given", text, tokenId: null, confidence: null };
    }
    return new Canvas(start, positions);
  }

  /** The canvas after `step`, which must be the next one. */
  apply(step: StepEvent): Canvas {
    const positions = this.positions.map((held) => (held.status === "provisional" ? MASKED : held));
    const put = (status: "provisional" | "committed", entries: StepEvent["committed"]) => {
      for (const { position, text, token_id: tokenId, confidence } of entries) {
        positions[position - this.start] = { status, text, tokenId, confidence };
      }
    };
    put("committed", step.committed);
    for (const position of step.remasked) positions[position - this.start] = MASKED;
    put("provisional", step.provisional);
    const { resize } = step;
    if (resize?.kind === "truncate") positions.length = resize.length - this.start;
    if (resize?.kind === "insert") {
      const inserted = Array.from({ length: resize.count }, () => MASKED);
      positions.splice(resize.position - this.start, 0, ...inserted);
    }
    return new Canvas(this.start, positions);
  }

  /** Positions that hold no token yet. */
  get maskedCount(): number {
    return this.positions.filter(({ status }) => status === "masked" || status === "provisional")
      .length;
  }

  /** All text that is there, each masked position as `mask`. */
  toText(mask = ""): string {
    return this.positions
      .map(({ status, text }) => (status === "given" || status === "committed" ? text : mask))
      .join("");
  }
}
