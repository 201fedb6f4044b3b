/** What an account's endpoints send and receive; see api-types.ts. */
import type { Tier } from "./api-types.ts";

/** What an account used, by day, model, tier and key. */
export interface UsageReport {
  object: "usage";
  balance: number;
  held: number;
  data: {
    date: string;
    model: string;
    tier: Tier;
    key_id: string | null;
    requests: number;
    step_units: number;
    cost: number;
  }[];
  last_id: string | null;
  has_more: boolean;
}

/** One movement of money. */
export interface LedgerEntry {
  sequence: number;
  object: "ledger_entry";
  kind: "credit" | "top_up" | "charge";
  amount: number;
  balance_after: number;
  reference: string;
  created_at: string;
  previous_hash: string;
  hash: string;
}

/** Movements of money, newest first. */
export interface LedgerPage {
  object: "list";
  account_id: string;
  balance: number;
  held: number;
  data: LedgerEntry[];
  first_id: number | null;
  last_id: number | null;
  has_more: boolean;
}

/** A key without its secret. */
export interface ApiKey {
  id: string;
  object: "api_key";
  name: string | null;
  scope: "inference" | "management";
  last_four: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  spending_limit: number | null;
  concurrency_limit: number | null;
  spent: number;
  held: number;
  models: string[] | null;
  tiers: Tier[] | null;
}

/** A new key: the only time that it is told. */
export interface CreatedApiKey extends ApiKey {
  key: string;
}

/** Keys, oldest first. */
export interface ApiKeyList {
  object: "list";
  data: ApiKey[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** Body of `keys.create`. */
export interface CreateKeyRequest {
  name?: string | null | undefined;
  scope?: "inference" | "management" | undefined;
  expires_at?: string | null | undefined;
  spending_limit?: number | null | undefined;
  concurrency_limit?: number | null | undefined;
  models?: string[] | null | undefined;
  tiers?: Tier[] | null | undefined;
}

/** Body of `keys.update`: what is left out stays, null takes a bound away. */
export type UpdateKeyRequest = Omit<CreateKeyRequest, "scope">;
