/**
 * One request's open bill, from its hold to its end.
 *
 * Owns: settling once however often it is told to, and what becomes of a hold without a receipt.
 * Does not own: the ledger (edge/accounts), hearing of receipts (edge/pool).
 */
import type { FilledHole, Receipt, Score } from "#shared/contracts/node-wire.ts";
import type { Bill, FinishReason } from "#shared/contracts/openai-answers.ts";

/** What a generation came to, beside its bill. */
export interface AnswerText {
  readonly text: string;
  /** Of a template, in its order. */
  readonly holes?: readonly FilledHole[];
  /** Of scored answers, in their order. */
  readonly scores?: readonly Score[];
  readonly finishReason: FinishReason;
  /** Steps that committed more than asked for, to keep a deadline. */
  readonly hastenedSteps: number;
}

/** What the account can do with this request's hold; each may be done again. */
export interface TabAccount {
  /** Charges executed step units, and may keep the answer; `null` for a hold that is not known. */
  settle(receipt: Receipt, answer: AnswerText | null): Promise<Bill | null>;
  /** Gives all of it back. */
  release(): Promise<unknown>;
  /** Leaves it to a receipt that comes by another way. */
  expire(): Promise<unknown>;
}

/** The bill of a request whose money is held. */
export class Tab {
  readonly #account: TabAccount;
  #settling: Promise<Bill> | null = null;

  constructor(account: TabAccount) {
    this.#account = account;
  }

  /** Charges what the receipt says; told again, it gives the first bill. */
  settle(receipt: Receipt, answer: AnswerText | null): Promise<Bill> {
    if (this.#settling === null) {
      this.#settling = this.#account
        .settle(receipt, answer)
        .then((bill) => ({ cost: bill?.cost ?? 0, refunded: bill?.refunded ?? 0 }));
      // Whoever needs the bill, or the end of it, waits for it too.
      this.#settling.catch(() => undefined);
    }
    return this.#settling;
  }

  /**
   * Ends it: waits for a receipt's charge, or does what is right without one.
   *
   * @param mayHaveRun False when it is known that no step was executed.
   */
  async close(mayHaveRun: boolean): Promise<void> {
    if (this.#settling !== null) await this.#settling;
    else if (mayHaveRun) await this.#account.expire();
    else await this.#account.release();
  }
}
