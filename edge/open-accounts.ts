import { AccountClient, type AccountStub } from "./accounts/account-client.ts";
import type { Bindings } from "./environment.ts";

/** The accounts behind this Worker's binding: one object per account id. */
export function openAccounts({ ACCOUNTS }: Bindings): AccountClient {
  return new AccountClient((accountId): AccountStub => ACCOUNTS.getByName(accountId));
}
