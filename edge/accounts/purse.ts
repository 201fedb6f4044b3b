import { numberOf, type Sql } from "./sql.ts";

/** An account's money now, micro-dollars. `balance ≥ held ≥ 0`. */
export interface Purse {
  readonly balance: number;
  readonly held: number;
}

const CHANGE = `UPDATE purse SET balance = balance + ?, held = held + ?
  RETURNING balance, held`;

/**
 * The row of an account's money. It is remembered as it was read or written last: nobody else writes it,
 * and whoever rolls a transaction back says so by {@link PurseStore.forget}.
 */
export class PurseStore {
  readonly #sql: Sql;
  #purse: Purse | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** What was written since the last commit was not written. */
  forget(): void {
    this.#purse = null;
  }

  read(): Purse {
    this.#purse ??= this.#ask("SELECT balance, held FROM purse");
    return this.#purse;
  }

  /** Adds to both; below 0 takes away. SQLite refuses what would break the invariant. */
  change(balance: number, held: number): Purse {
    const purse = this.#ask(CHANGE, balance, held);
    this.#purse = purse;
    return purse;
  }

  #ask(statement: string, ...bindings: number[]): Purse {
    const [row = {}] = this.#sql.exec(statement, ...bindings).toArray();
    return { balance: numberOf(row, "balance"), held: numberOf(row, "held") };
  }
}
