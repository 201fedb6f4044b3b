/**
 * Receipts on their way to the edge, beside those in the streams: kept on disk until they are taken.
 *
 * Owns: the files, the order of sending, trying again. Does not own: what a receipt says
 * (node-frames.ts), or the edge, which takes each once however often it comes.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PostedReceipt } from "#shared/contracts/node-wire.ts";
import type { Logger } from "../engine/logger.ts";

/** Receipts sent at once. */
const MAX_IN_FLIGHT = 8;
/** Pause after a failure, doubled with each further one. */
const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 60_000;
/** The edge answers from one object's memory; longer means that it is not there. */
const SEND_TIMEOUT_MS = 5_000;

/** The part of `fetch` that is used here. */
export type PostReceipt = (url: string, init: RequestInit) => Promise<Response>;

/** What a spool is made of. */
export interface ReceiptSpoolOptions {
  /** The edge's `/internal/receipts`. */
  readonly url: string;
  /** Made when it is not there; belongs to this node alone. */
  readonly directory: string;
  readonly post: PostReceipt;
  readonly logger: Logger;
  /** Shorter for tests. */
  readonly minPauseMs?: number;
}

/** Receipts that the edge has not taken yet. */
export class ReceiptSpool {
  readonly #options: ReceiptSpoolOptions;
  /** File names, the longest waiting first. */
  readonly #waiting = new Set<string>();
  #sending: Promise<void> | null = null;
  #failureCount = 0;
  #isStopped = false;
  #wake: () => void = () => undefined;

  private constructor(options: ReceiptSpoolOptions) {
    this.#options = options;
  }

  /** Opens the spool and goes on with what an earlier run has left there. */
  static async open(options: ReceiptSpoolOptions): Promise<ReceiptSpool> {
    const spool = new ReceiptSpool(options);
    await mkdir(options.directory, { recursive: true });
    const names = await readdir(options.directory);
    for (const name of names.sort()) if (name.endsWith(".json")) spool.#waiting.add(name);
    spool.#send();
    return spool;
  }

  /** Receipts that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Keeps a job's receipt and sends it; resolves when it is on disk. */
  async add(jobId: string, receipt: PostedReceipt): Promise<void> {
    const name = `${createHash("sha256").update(jobId).digest("hex")}.json`;
    const path = join(this.#options.directory, name);
    // Never half a file under its own name, whenever the process dies.
    await writeFile(`${path}.new`, JSON.stringify(receipt), { flush: true, mode: 0o600 });
    await rename(`${path}.new`, path);
    this.#waiting.add(name);
    this.#send();
  }

  /** Stops sending; what is left stays for the next run. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#sending;
  }

  #send(): void {
    if (this.#isStopped) return;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#isStopped) {
      const batch = [...this.#waiting].slice(0, MAX_IN_FLIGHT);
      const taken = await Promise.all(batch.map((name) => this.#sendOne(name)));
      if (taken.every(Boolean)) this.#failureCount = 0;
      else await this.#pause(this.#failureCount++);
    }
  }

  /** True when there is nothing left to do for the file. */
  async #sendOne(name: string): Promise<boolean> {
    const path = join(this.#options.directory, name);
    const status = await this.#post(path);
    // Refused for good: another try says the same.
    const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429;
    if (isRefused) this.#options.logger.error("receipt_refused", { status });
    this.#waiting.delete(name);
    if (status === 200 || isRefused) {
      await rm(path, { force: true });
      return true;
    }
    // Behind the others: one that is not taken holds none of them up.
    this.#waiting.add(name);
    return false;
  }

  /** The edge's status; 0 where there was none. */
  async #post(path: string): Promise<number> {
    const { url, post } = this.#options;
    try {
      const body = await readFile(path, "utf8");
      const headers = { "content-type": "application/json" };
      const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
      const response = await post(url, { method: "POST", headers, body, signal });
      await response.body?.cancel();
      return response.status;
    } catch {
      return 0;
    }
  }

  async #pause(failureCount: number): Promise<void> {
    const minPauseMs = this.#options.minPauseMs ?? MIN_PAUSE_MS;
    const pauseMs = Math.min(minPauseMs * 2 ** failureCount, MAX_PAUSE_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
