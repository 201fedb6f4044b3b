/** Usage: money, what was spent on what, the ledger and its chain. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ApiKey, UsageReport } from "../../../shared/sdk/account-types.ts";
import type { Connection, Limits } from "../connect.ts";
import { ErrorNote } from "../error-note.tsx";
import { Figures } from "../figures.tsx";
import { listAllKeys } from "../keys/list-all-keys.ts";
import { toDollars } from "../money.ts";
import { ScrollBox } from "../scroll-box.tsx";
import { useAnswer } from "../use-answer.ts";
import { LedgerTable } from "./ledger-table.tsx";
import { readAllUsage } from "./read-all-usage.ts";
import { SpendChart } from "./spend-chart.tsx";

const PERIODS = [7, 30, 90] as const;

/** The page. */
export function UsagePage({ connection }: { readonly connection: Connection }): JSX.Element {
  const [days, setDays] = useState(30);
  const client = connection.management;
  const usage = useAnswer(client && ((signal) => readAllUsage(client, days, signal)), [
    client,
    days,
  ]);
  const keys = useAnswer(client && ((signal) => listAllKeys(client, signal)), [client]);
  if (client === null) {
    return (
      <section class="panel">
        <h1>Usage</h1>
        <p>Sign in with a management key to see what was spent.</p>
      </section>
    );
  }
  const report = usage.answer;
  return (
    <div class="page">
      <section class="panel" aria-labelledby="usage-title">
        <div class="row spread">
          <h1 id="usage-title">Usage</h1>
          <label class="inline">
            Last
            <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
              {PERIODS.map((period) => (
                <option key={period} value={period}>
                  {period} days
                </option>
              ))}
            </select>
          </label>
        </div>
        <ErrorNote error={usage.error ?? keys.error} />
        {report !== null && (
          <>
            <Money report={report} limits={connection.readLimits()} />
            <SpendChart lines={report.data} days={days} />
            <TierTable report={report} keys={keys.answer ?? []} />
          </>
        )}
      </section>
      {keys.answer !== null && <KeySpend keys={keys.answer} />}
      <LedgerTable client={client} />
    </div>
  );
}

function Money({
  report,
  limits,
}: {
  readonly report: UsageReport;
  readonly limits: Limits | null;
}): JSX.Element {
  const spent = report.data.reduce((sum, { cost }) => sum + cost, 0);
  const rows = [
    ["Balance", toDollars(report.balance)],
    ["Held for what runs", toDollars(report.held)],
    ["Spent", toDollars(spent)],
    [
      "Step units this minute",
      limits === null ? "told by the next run" : `${limits.stepsLeft} of ${limits.stepsLimit} left`,
    ],
    [
      "Requests this minute",
      limits === null
        ? "told by the next run"
        : `${limits.requestsLeft} of ${limits.requestsLimit} left`,
    ],
  ] as const;
  return <Figures rows={rows} />;
}

function TierTable({
  report,
  keys,
}: {
  readonly report: UsageReport;
  readonly keys: readonly ApiKey[];
}): JSX.Element {
  const toName = (keyId: string | null) =>
    keys.find(({ id }) => id === keyId)?.name ?? keyId ?? "not noted";
  return (
    <ScrollBox label="Use by day, model, tier and key">
      <table>
        <caption class="hidden">Use by day, model, tier and key</caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">Model</th>
            <th scope="col">Tier</th>
            <th scope="col">Key</th>
            <th scope="col">Requests</th>
            <th scope="col">Step units</th>
            <th scope="col">Cost</th>
          </tr>
        </thead>
        <tbody>
          {report.data.map((line) => (
            <tr key={`${line.date} ${line.model} ${line.tier} ${line.key_id}`}>
              <td>{line.date}</td>
              <td>{line.model}</td>
              <td>{line.tier}</td>
              <td>{toName(line.key_id)}</td>
              <td class="number">{line.requests}</td>
              <td class="number">{line.step_units}</td>
              <td class="number">{toDollars(line.cost)}</td>
            </tr>
          ))}
          {report.data.length === 0 && (
            <tr>
              <td colSpan={7}>Nothing was used yet.</td>
            </tr>
          )}
        </tbody>
      </table>
    </ScrollBox>
  );
}

function KeySpend({ keys }: { readonly keys: readonly ApiKey[] }): JSX.Element {
  const most = Math.max(1, ...keys.map(({ spent }) => spent));
  return (
    <section class="panel" aria-labelledby="key-spend-title">
      <h2 id="key-spend-title">Spend by key, over its life</h2>
      <ScrollBox label="Spend by key">
        <table>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Spent</th>
              <th scope="col">Limit</th>
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => (
              <tr key={key.id}>
                <td>
                  {key.name ?? key.id} <code>…{key.last_four}</code>
                </td>
                <td class="number">
                  <meter
                    min={0}
                    max={most}
                    value={key.spent}
                    aria-label={`Spent by …${key.last_four}`}
                  />{" "}
                  {toDollars(key.spent)}
                </td>
                <td class="number">
                  {key.spending_limit === null ? "none" : toDollars(key.spending_limit)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </section>
  );
}
