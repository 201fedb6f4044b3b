/** Text up to the first stop string, and whether one was met. */
export interface StoppableText {
  /** Text that no stop string can reach back into any more. */
  readonly text: string;
  readonly isStopped: boolean;
}

/**
 * Looks for stop strings in text that arrives in pieces, and holds back a suffix that may begin one.
 *
 * The stop string that is complete first ends the text, the longest of those that end together;
 * so the answer does not depend on where the pieces were cut.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes the next piece; not to be called again once it answered `isStopped`. */
  push(piece: string): StoppableText {
    const text = this.#held + piece;
    const stopStart = this.#findStop(text);
    if (stopStart !== null) {
      this.#held = "";
      return { text: text.slice(0, stopStart), isStopped: true };
    }
    const heldLength = this.#longestBeginning(text);
    this.#held = text.slice(text.length - heldLength);
    return { text: text.slice(0, text.length - heldLength), isStopped: false };
  }

  /** Gives out what was held back: nothing follows that could complete a stop string. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  #findStop(text: string): number | null {
    let firstEnd = Number.POSITIVE_INFINITY;
    let startOfFirst: number | null = null;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (end < firstEnd || (end === firstEnd && start < (startOfFirst ?? 0))) {
        firstEnd = end;
        startOfFirst = start;
      }
    }
    return startOfFirst;
  }

  /** Length of the longest suffix of `text` that begins a stop string without completing it. */
  #longestBeginning(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
