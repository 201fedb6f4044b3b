import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { findBrokenEntry } from "../../../shared/contracts/ledger-chain.ts";
import type { LedgerEntry } from "../../../shared/sdk/account-types.ts";
import type { Unmask } from "../../../shared/sdk/unmask.ts";
import { ErrorNote } from "../error-note.tsx";
import { toDollars } from "../money.ts";
import { ScrollBox } from "../scroll-box.tsx";
import { useAnswer } from "../use-answer.ts";

const PAGE = 20;
const LARGEST_PAGE = 100;

/** Every movement of money, newest first, and the check that nobody has rewritten it. */
export function LedgerTable({ client }: { readonly client: Unmask }): JSX.Element {
  const [after, setAfter] = useState<number | undefined>(undefined);
  const page = useAnswer(
    (signal) => client.ledger({ limit: PAGE, ...(after && { after }) }, { signal }),
    [client, after],
  );
  const entries = page.answer?.data ?? [];
  return (
    <section class="panel" aria-labelledby="ledger-title">
      <div class="row spread">
        <h2 id="ledger-title">Ledger</h2>
        <ChainCheck client={client} />
      </div>
      <ErrorNote error={page.error} />
      <ScrollBox label="Ledger entries">
        <table>
          <thead>
            <tr>
              <th scope="col">Entry</th>
              <th scope="col">When</th>
              <th scope="col">What</th>
              <th scope="col">Amount</th>
              <th scope="col">Balance</th>
              <th scope="col">Hash</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.sequence}>
                <td class="number">{entry.sequence}</td>
                <td>{entry.created_at.replace("T", " ").slice(0, 19)}</td>
                <td>
                  {entry.kind.replace("_", " ")} <code>{entry.reference}</code>
                </td>
                <td class="number">{toDollars(entry.amount)}</td>
                <td class="number">{toDollars(entry.balance_after)}</td>
                <td>
                  <code>{entry.hash.slice(0, 10)}…</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
      <div class="row">
        <button
          type="button"
          class="quiet"
          disabled={after === undefined}
          onClick={() => setAfter(undefined)}
        >
          Newest
        </button>
        <button
          type="button"
          class="quiet"
          disabled={!page.answer?.has_more}
          onClick={() => setAfter(page.answer?.last_id ?? undefined)}
        >
          Older
        </button>
      </div>
    </section>
  );
}

function ChainCheck({ client }: { readonly client: Unmask }): JSX.Element {
  const [told, setTold] = useState("");
  const check = async () => {
    setTold("Checking…");
    setTold(await checkChain(client).catch(() => "The ledger could not be read."));
  };
  return (
    <span class="row">
      <span role="status">{told}</span>
      <button type="button" class="quiet" onClick={() => void check()}>
        Check the chain
      </button>
    </span>
  );
}

/** Reads the whole ledger and computes every hash anew, here. */
async function checkChain(client: Unmask): Promise<string> {
  const entries: LedgerEntry[] = [];
  let page = await client.ledger({ limit: LARGEST_PAGE });
  entries.push(...page.data);
  while (page.has_more && page.last_id !== null) {
    page = await client.ledger({ limit: LARGEST_PAGE, after: page.last_id });
    entries.push(...page.data);
  }
  const broken = findBrokenEntry(entries.reverse(), page.account_id);
  return broken === null
    ? `All ${entries.length} entries hold.`
    : `Entry ${broken} was changed after it was written.`;
}
