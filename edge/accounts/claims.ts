/**
 * Idempotency: which request an idempotency key stands for, and the answer that it had.
 *
 * A success is kept and given again; a request that failed, or was left, may be run again under its
 * key. An answer holds generated text: it is kept no longer than its claim.
 * Owns: claims and kept answers. Does not own: which key a request bears (edge/routes).
 */
import type { FilledHole, Score } from "#shared/contracts/node-wire.ts";
import type { FinishReason, Usage } from "#shared/contracts/openai-answers.ts";
import { numberOf, optionalTextOf, type Sql, textOf } from "./sql.ts";

/** A request's claim to be the only one of its key. */
export interface Claim {
  readonly key: string;
  /** SHA-256 of what is asked for, hex. */
  readonly fingerprint: string;
  /** False for a first try that bears no key of its own: an equal one before it is another request. */
  readonly mayReplay: boolean;
  readonly lifetimeMs: number;
}

/** What an answer tells of the model that gave it. */
export interface AnsweringModel {
  readonly id: string;
  readonly weights_digest: string;
}

/** A whole answer, to be given again in any shape. */
export interface KeptAnswer {
  readonly generationId: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly model: AnsweringModel;
  readonly text: string;
  /** Of a template, in its order. */
  readonly holes?: readonly FilledHole[];
  /** Of scored answers, in their order. */
  readonly scores?: readonly Score[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
}

/** What a key's earlier request means for this one. */
export type ClaimVerdict =
  | { readonly kind: "free" | "mismatch" }
  | { readonly kind: "running"; readonly requestId: string }
  | { readonly kind: "answered"; readonly answer: KeptAnswer };

/** The claims on one account's keys. */
export class Claims {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Judges a claim; `isRunning` tells it of the request that holds the key. */
  judge(claim: Claim, isRunning: (requestId: string) => boolean, nowMs: number): ClaimVerdict {
    const [row] = this.#sql
      .exec("SELECT * FROM claim WHERE key = ? AND expires_at > ?", claim.key, nowMs)
      .toArray();
    if (row === undefined || !claim.mayReplay) return { kind: "free" };
    if (textOf(row, "fingerprint") !== claim.fingerprint) return { kind: "mismatch" };
    const answer = optionalTextOf(row, "answer");
    if (answer !== null) return { kind: "answered", answer: JSON.parse(answer) };
    const requestId = textOf(row, "request_id");
    return isRunning(requestId) ? { kind: "running", requestId } : { kind: "free" };
  }

  /** Gives the key to a request. */
  take(claim: Claim, requestId: string, nowMs: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO claim (key, fingerprint, request_id, expires_at) VALUES (?, ?, ?, ?)",
      claim.key,
      claim.fingerprint,
      requestId,
      nowMs + claim.lifetimeMs,
    );
  }

  /** Keeps the answer of the request, if a key is still its own. */
  keep(answer: KeptAnswer): void {
    this.#sql.exec(
      "UPDATE claim SET answer = ? WHERE request_id = ?",
      JSON.stringify(answer),
      answer.generationId,
    );
  }

  /** Forgets what has expired. */
  sweep(nowMs: number): void {
    this.#sql.exec("DELETE FROM claim WHERE expires_at <= ?", nowMs);
  }

  /** When {@link sweep} has something to do next, epoch milliseconds; `null` for never. */
  nextDueAt(): number | null {
    const [row = {}] = this.#sql.exec("SELECT MIN(expires_at) AS due_at FROM claim").toArray();
    return row["due_at"] === null ? null : numberOf(row, "due_at");
  }
}
