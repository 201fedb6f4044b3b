/** Things to happen, by their time; of equal times, what was planned first. A binary heap. */

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

export class EventQueue {
  readonly #heap: Planned[] = [];
  #order = 0;
  #nowMs = 0;

  /** Time of what happened last, milliseconds from the beginning; never falls. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** @throws {RangeError} if `at` has passed. */
  plan(at: number, happen: () => void): void {
    if (!(at >= this.#nowMs)) throw new RangeError(`planned for ${at} at ${this.#nowMs}`);
    const planned = { at, order: this.#order, happen };
    this.#order += 1;
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, planned)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = planned;
  }

  /** Has the next thing happen. False if there is none. */
  step(): boolean {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return false;
    if (this.#heap.length > 0) this.#sink(last);
    this.#nowMs = first.at;
    first.happen();
    return true;
  }

  #sink(planned: Planned): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const isRight = other !== undefined && isBefore(other, one);
      const child = isRight ? other : one;
      if (isBefore(planned, child)) break;
      heap[index] = child;
      index = isRight ? left + 1 : left;
    }
    heap[index] = planned;
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
