import type { ApiKey } from "../../../shared/sdk/account-types.ts";
import type { Unmask } from "../../../shared/sdk/unmask.ts";

/** Keys asked for at once: the API's most. */
const PAGE = 100;

/** Every key of the account, page by page, oldest first. */
export async function listAllKeys(client: Unmask, signal: AbortSignal): Promise<ApiKey[]> {
  const keys: ApiKey[] = [];
  let page = await client.keys.list({ limit: PAGE }, { signal });
  keys.push(...page.data);
  while (page.has_more && page.last_id !== null) {
    page = await client.keys.list({ limit: PAGE, after: page.last_id }, { signal });
    keys.push(...page.data);
  }
  return keys;
}
