import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** Lines of a peer's standard error that are kept for its epitaph. */
const KEPT_LINES = 5;

/** Another program that does the same work: an order in JSON a line in, an answer in JSON a line out. */
export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  readonly #lastWords: string[] = [];

  constructor(
    command: string,
    parameters: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    const env = { ...process.env, ...environment };
    this.#child = spawn(command, [...parameters], { env, stdio: "pipe" });
    // The end of its output tells the same.
    this.#child.on("error", (error) => this.#lastWords.push(error.message));
    this.#child.stdin.on("error", () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    createInterface({ input: this.#child.stderr }).on("line", (line) => {
      this.#lastWords.push(line);
      if (this.#lastWords.length > KEPT_LINES) this.#lastWords.shift();
    });
  }

  /** @throws {Error} with the peer's last words if it ends. */
  async ask<Answer>(order: object): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`The peer ended: ${this.#lastWords.join(" | ")}`);
    return JSON.parse(value) as Answer;
  }

  async close(): Promise<void> {
    const hasEnded = this.#child.exitCode !== null || this.#child.pid === undefined;
    this.#lines.close();
    if (hasEnded) return;
    await new Promise((resolve) => {
      this.#child.on("exit", resolve);
      this.#child.kill();
    });
  }
}
