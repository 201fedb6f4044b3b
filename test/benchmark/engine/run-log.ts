/**
 * When each forward pass began and ended inside the runtime, whichever thread ran it.
 *
 * Owns: the memory that threads share, and its layout. Written by record-runs.ts, which every thread of
 * the benchmark loads first; no source file of the product knows of it.
 */
import { getEnvironmentData, setEnvironmentData, threadId } from "node:worker_threads";

/** One call of `session.run`. */
export interface RunRecord {
  /** Which thread it blocked. */
  readonly thread: number;
  readonly rows: number;
  /** Columns of each row that were fed. */
  readonly length: number;
  /** Milliseconds on a clock that all threads share. */
  readonly startedAt: number;
  readonly endedAt: number;
}

const LOG_KEY = "unmask-bench-run-log";
const PROFILE_KEY = "unmask-bench-profile";
const CAPACITY = 1 << 17;
const FIELDS = 5;
const HEADER_BYTES = 8;

/** Milliseconds that mean the same in every thread. */
function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A log in memory that threads share; those that start later write into it. */
export class RunLog {
  readonly #count: Int32Array;
  readonly #fields: Float64Array;

  private constructor(memory: SharedArrayBuffer) {
    this.#count = new Int32Array(memory, 0, 1);
    this.#fields = new Float64Array(memory, HEADER_BYTES);
  }

  /** The log of this process; made at the first call, which comes before sessions are loaded. */
  static open(): RunLog {
    return RunLog.find() ?? RunLog.#create();
  }

  /** The log that the thread which started this one has opened. */
  static find(): RunLog | null {
    const memory = getEnvironmentData(LOG_KEY);
    return memory instanceof SharedArrayBuffer ? new RunLog(memory) : null;
  }

  static #create(): RunLog {
    const memory = new SharedArrayBuffer(HEADER_BYTES + CAPACITY * FIELDS * 8);
    setEnvironmentData(LOG_KEY, memory);
    return new RunLog(memory);
  }

  /** Times `work` and keeps its record. */
  async time<Result>(
    shape: Pick<RunRecord, "rows" | "length">,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const startedAt = sharedNow();
    try {
      return await work();
    } finally {
      const place = Atomics.add(this.#count, 0, 1) % CAPACITY;
      const record = [threadId, shape.rows, shape.length, startedAt, sharedNow()];
      this.#fields.set(record, place * FIELDS);
    }
  }

  /** Runs since {@link clear}. */
  get count(): number {
    return Atomics.load(this.#count, 0);
  }

  /** Forgets every record. */
  clear(): void {
    Atomics.store(this.#count, 0, 0);
  }

  /** Records since {@link clear}, by the end of the run. @throws {RangeError} if there is none. */
  read(): RunRecord[] {
    const count = Math.min(Atomics.load(this.#count, 0), CAPACITY);
    if (count === 0) throw new RangeError("no run was recorded: start through `npm run bench`");
    const records = Array.from({ length: count }, (_, place) => {
      const [thread = 0, rows = 0, length = 0, startedAt = 0, endedAt = 0] = this.#fields.subarray(
        place * FIELDS,
        (place + 1) * FIELDS,
      );
      return { thread, rows, length, startedAt, endedAt };
    });
    return records.sort((a, b) => a.endedAt - b.endedAt);
  }
}

/** Has sessions that are loaded from now on write the runtime's own profile; null ends that. */
export function profileInto(filePrefix: string | null): void {
  setEnvironmentData(PROFILE_KEY, filePrefix ?? undefined);
}

/** Where this thread's sessions write their profile; null for nowhere. */
export function profilePrefix(): string | null {
  const prefix = getEnvironmentData(PROFILE_KEY);
  return typeof prefix === "string" ? prefix : null;
}
