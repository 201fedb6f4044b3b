import type { UsageReport } from "../../../shared/sdk/account-types.ts";
import type { Unmask } from "../../../shared/sdk/unmask.ts";

/** What was used in the last `days` days, page by page: the money is that of the last one. */
export async function readAllUsage(
  client: Unmask,
  days: number,
  signal: AbortSignal,
): Promise<UsageReport> {
  let report = await client.usage({ days }, { signal });
  while (report.has_more && report.last_id !== null) {
    const next = await client.usage({ days, after: report.last_id }, { signal });
    report = { ...next, data: [...report.data, ...next.data] };
  }
  return report;
}
