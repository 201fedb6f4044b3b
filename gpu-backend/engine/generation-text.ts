import type { Canvas } from "../canvas/canvas.ts";
import {
  type FinishReason,
  TextAssembly,
  type TextEnds,
  type TokenDecoder,
} from "./text-assembly.ts";

/** What a generation's tokens say; append-only. */
export interface GenerationText {
  /** What was given out so far. */
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly completionTokenCount: number;
  /**
   * Takes what has become final.
   *
   * @param end The column before which nothing changes any more.
   * @param isLast True when nothing changes anywhere.
   * @returns The text that became final with it.
   */
  extend(canvas: Canvas, end: number, isLast: boolean): string;
}

/** Text that is read from the first column to the last. */
export class FlowingText implements GenerationText {
  readonly #assembly: TextAssembly;
  /** First column whose token has not been given to the text. */
  #column = 0;

  constructor(decoder: TokenDecoder, ends: TextEnds) {
    this.#assembly = new TextAssembly(decoder, ends);
  }

  get text(): string {
    return this.#assembly.text;
  }

  get finishReason(): FinishReason {
    return this.#assembly.finishReason;
  }

  get completionTokenCount(): number {
    return this.#assembly.completionTokenCount;
  }

  extend(canvas: Canvas, end: number, isLast: boolean): string {
    const start = Math.max(this.#column, canvas.promptLength);
    this.#column = end;
    const delta = this.#assembly.append(canvas.generatedTokenIds(start, end));
    return isLast ? delta + this.#assembly.finish() : delta;
  }
}

/** Text that says something only when every hole is filled. */
export class RenderedText implements GenerationText {
  readonly finishReason = "stop";
  readonly #render: () => string;
  #text = "";
  #completionTokenCount = 0;

  constructor(render: () => string) {
    this.#render = render;
  }

  get text(): string {
    return this.#text;
  }

  get completionTokenCount(): number {
    return this.#completionTokenCount;
  }

  extend(canvas: Canvas, _end: number, isLast: boolean): string {
    if (!isLast) return "";
    this.#text = this.#render();
    this.#completionTokenCount = canvas.generationLength;
    return this.#text;
  }
}
