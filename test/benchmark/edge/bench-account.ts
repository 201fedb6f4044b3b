/** An account to be charged by a run, and what its ledger says when the run is over. */
import { createdAccountSchema, createdApiKeySchema } from "../../../shared/contracts/accounts.ts";
import { ledgerPageSchema } from "../../../shared/contracts/billing.ts";
import type { LedgerEntry } from "../../../shared/contracts/ledger.ts";
import { findBrokenEntry } from "../../../shared/contracts/ledger-chain.ts";

/** Micro-dollars; no run uses it up. */
const CREDIT = 1_000_000_000_000;
const PAGE_LENGTH = 100;
/** A receipt that a node posts beside an answer stands after half of it. */
const SETTLING_MS = 60_000;

export interface BenchAccount {
  readonly accountId: string;
  readonly inferenceKey: string;
  readonly inferenceKeyId: string;
  /**
   * Reads the whole ledger.
   *
   * @throws Error unless it is unbroken, nothing is held, and its charges are `count` of `cost`
   *   micro-dollars each, no more and no less.
   */
  checkCharges(count: number, cost: number): Promise<void>;
  /**
   * Waits until nothing is held, a minute at most, and reads the whole ledger.
   *
   * @throws Error unless it is unbroken and its entries come to the balance.
   */
  checkSettled(): Promise<void>;
}

/** Opens an account of the largest plan. */
export async function openBenchAccount(
  edgeUrl: string,
  operatorSecret: string,
): Promise<BenchAccount> {
  const wish = { name: "bench", plan: "scale", credit: CREDIT };
  const opened = await callEdge(`${edgeUrl}/v1/accounts`, operatorSecret, wish);
  const account = createdAccountSchema.parse(opened);
  const issued = await callEdge(`${edgeUrl}/v1/keys`, account.management_key, {});
  const key = createdApiKeySchema.parse(issued);
  return {
    accountId: account.id,
    inferenceKey: key.key,
    inferenceKeyId: key.id,
    async checkSettled() {
      const endsAt = performance.now() + SETTLING_MS;
      let ledger = await readLedger(edgeUrl, account.management_key);
      while (ledger.held > 0 && performance.now() < endsAt) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        ledger = await readLedger(edgeUrl, account.management_key);
      }
      const { balance, held, entries } = ledger;
      const sum = entries.reduce((total, { amount }) => total + amount, 0);
      if (held === 0 && sum === balance && findBrokenEntry(entries, account.id) === null) return;
      throw new Error(`The ledger does not balance: ${sum} of ${balance}, ${held} held.`);
    },
    async checkCharges(count, cost) {
      const { balance, held, entries } = await readLedger(edgeUrl, account.management_key);
      const charges = entries.filter(({ kind }) => kind === "charge");
      const isWhole = findBrokenEntry(entries, account.id) === null && held === 0;
      const isRight = charges.length === count && charges.every(({ amount }) => amount === -cost);
      if (isWhole && isRight && balance === CREDIT - count * cost) return;
      throw new Error(
        `The ledger does not balance: ${count} answers of ${cost} each, ${charges.length} charges, ` +
          `${CREDIT - balance} spent, ${held} held.`,
      );
    },
  };
}

async function readLedger(edgeUrl: string, managementKey: string) {
  const entries: LedgerEntry[] = [];
  for (let after = ""; ; after = `&after=${entries[0]?.sequence}`) {
    const url = `${edgeUrl}/v1/ledger?limit=${PAGE_LENGTH}${after}`;
    const page = ledgerPageSchema.parse(await callEdge(url, managementKey));
    entries.unshift(...page.data.toReversed());
    if (!page.has_more) return { balance: page.balance, held: page.held, entries };
  }
}

async function callEdge(url: string, bearer: string, json?: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const init = json === undefined ? {} : { method: "POST", body: JSON.stringify(json) };
  const response = await fetch(url, { headers, ...init });
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`);
  return await response.json();
}
