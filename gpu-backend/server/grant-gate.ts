/**
 * Who may have this node work: the bearer of a grant, once.
 *
 * Owns: signature, expiry, and the memory of grants that were used.
 * Does not own: what a grant must allow (generation-handler.ts), the token's format
 * (shared/contracts/signed-token.ts).
 */
import type { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { type Grant, grantSchema } from "#shared/contracts/node-wire.ts";
import { drainOrderSchema } from "#shared/contracts/pool.ts";
import { verifyToken } from "#shared/contracts/signed-token.ts";

/** Used grants that are remembered until they expire; beyond it the node refuses work. */
const MAX_USED_GRANTS = 100_000;
/** How often expired ones are forgotten. */
const SWEEP_INTERVAL_MS = 10_000;

/** What a gate is made of. */
export interface GrantGateParts {
  readonly secret: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Lower for tests. */
  readonly maxUsedGrants?: number;
}

/** Checks grants and lets each attempt at a request pass once. */
export class GrantGate {
  readonly #secret: string;
  readonly #now: () => number;
  readonly #maxUsedGrants: number;
  /** Attempt → when its grant expires, epoch milliseconds. */
  readonly #used = new Map<string, number>();
  #nextSweepAt = 0;

  constructor(parts: GrantGateParts) {
    this.#secret = parts.secret;
    this.#now = parts.now;
    this.#maxUsedGrants = parts.maxUsedGrants ?? MAX_USED_GRANTS;
  }

  /**
   * Reads the grant of an `authorization` header.
   *
   * @throws {ApiError} `invalid_grant` if it is absent, forged, malformed or expired.
   */
  async verify(authorization: string | undefined): Promise<Grant> {
    return await this.#read(authorization, grantSchema);
  }

  /**
   * Checks an operator's order to drain, in the same header.
   *
   * @throws {ApiError} `invalid_grant` as {@link GrantGate.verify}.
   */
  async verifyDrain(authorization: string | undefined): Promise<void> {
    await this.#read(authorization, drainOrderSchema);
  }

  async #read<Order extends { expires_at: number }>(
    authorization: string | undefined,
    schema: z.ZodType<Order>,
  ): Promise<Order> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw invalidGrant("The request bears no grant.");
    const order = schema.safeParse(await verifyToken(token, this.#secret));
    if (!order.success) throw invalidGrant("The grant is not valid.");
    if (order.data.expires_at <= this.#now()) throw invalidGrant("The grant has expired.");
    return order.data;
  }

  /**
   * Lets an attempt pass, the first time only. Ask again right before the work begins: a copy of the
   * request may have passed since.
   *
   * @throws {ApiError} `invalid_grant` if the attempt's grant was used; `overloaded` if the node
   *   cannot remember another.
   */
  assertUnused(grant: Grant): void {
    this.#sweep();
    if (this.#used.has(toJobId(grant))) throw invalidGrant("The grant was used before.");
    if (this.#used.size >= this.#maxUsedGrants) {
      throw new ApiError("overloaded", "The node holds too many unexpired grants.", {
        retryAfterSeconds: SWEEP_INTERVAL_MS / 1000,
      });
    }
  }

  /** Remembers the grant until it expires. */
  markUsed(grant: Grant): void {
    this.#used.set(toJobId(grant), grant.expires_at);
  }

  #sweep(): void {
    const now = this.#now();
    if (now < this.#nextSweepAt) return;
    this.#nextSweepAt = now + SWEEP_INTERVAL_MS;
    for (const [jobId, expiresAt] of this.#used) {
      if (expiresAt <= now) this.#used.delete(jobId);
    }
  }
}

/** Names one attempt at a request: an earlier one may still run here when the next begins. */
export function toJobId({ request_id: requestId, attempt }: Grant): string {
  return attempt === 1 ? requestId : `${requestId}#${attempt}`;
}

/** A grant that does not allow what is asked for. */
export function invalidGrant(message: string): ApiError {
  return new ApiError("invalid_grant", message);
}
