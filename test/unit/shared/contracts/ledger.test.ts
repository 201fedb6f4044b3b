import fc from "fast-check";
import { describe, it } from "vitest";
import type { LedgerEntry } from "../../../../shared/contracts/ledger.ts";
import {
  findBrokenEntry,
  hashLedgerEntry,
  toGenesisHash,
} from "../../../../shared/contracts/ledger-chain.ts";
import { sha256Hex } from "../../../../shared/contracts/sha-256.ts";

/** A chain of entries that holds. */
function chain(amounts: readonly number[]): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (const [i, amount] of amounts.entries()) {
    const previous = entries.at(-1);
    const unsigned = {
      sequence: i + 1,
      kind: amount > 0 ? ("credit" as const) : ("charge" as const),
      amount,
      balance_after: (previous?.balance_after ?? 0) + amount,
      reference: `reference-${i}`,
      created_at: new Date(1_800_000_000_000 + i).toISOString(),
      previous_hash: previous?.hash ?? toGenesisHash("acct_1"),
    };
    entries.push({ ...unsigned, object: "ledger_entry", hash: hashLedgerEntry(unsigned) });
  }
  return entries;
}

describe("a chain of entries", () => {
  const entries = chain([1_000, -20, -30, 500]);

  it("holds from its beginning, and from any entry on", ({ expect }) => {
    expect(findBrokenEntry(entries, "acct_1")).toBeNull();
    expect(findBrokenEntry(entries.slice(2), entries[1] ?? "")).toBeNull();
  });

  it("tells the first entry that was changed, removed or moved", ({ expect }) => {
    const changed = entries.map((entry) =>
      entry.sequence === 2 ? { ...entry, amount: -2, balance_after: 998 } : entry,
    );
    expect(findBrokenEntry(changed, "acct_1")).toBe(2);
    expect(findBrokenEntry([...entries.slice(0, 1), ...entries.slice(2)], "acct_1")).toBe(3);
    expect(findBrokenEntry(entries, "acct_2")).toBe(1);
    expect(findBrokenEntry(entries.toReversed(), "acct_1")).toBe(4);
  });

  it("tells a rewritten entry even when its own hash was made anew", ({ expect }) => {
    const forged = { ...entries[1], reference: "another" } as LedgerEntry;
    const rewritten = [
      entries[0],
      { ...forged, hash: hashLedgerEntry(forged) },
      ...entries.slice(2),
    ];
    expect(findBrokenEntry(rewritten as LedgerEntry[], "acct_1")).toBe(3);
  });
});

describe("sha256Hex", () => {
  it("agrees with WebCrypto for any text", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 300, unit: "binary" }), async (text) => {
        const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
        expect(sha256Hex(text)).toBe(Buffer.from(digest).toString("hex"));
      }),
    );
  });
});
