/**
 * The visitor's keys, for as long as the tab is open.
 *
 * They come from a form, or in the address after `#`, which no server is sent, as `npm start` prints it;
 * from there they are taken out at once.
 */

/** What the visitor has; empty where there is none. */
export interface Credentials {
  /** Runs generations. */
  readonly apiKey: string;
  /** Reads usage and the ledger, manages keys. */
  readonly managementKey: string;
  /** The operator's: reads the pool. */
  readonly operatorSecret: string;
}

const STORAGE_KEY = "unmask-credentials";
const NONE: Credentials = { apiKey: "", managementKey: "", operatorSecret: "" };

/** Reads them from the address, else from this tab's storage. */
export function readCredentials(): Credentials {
  const told = new URLSearchParams(location.hash.slice(1));
  if (!told.has("api_key")) return readStored();
  const credentials = {
    apiKey: told.get("api_key") ?? "",
    managementKey: told.get("management_key") ?? "",
    operatorSecret: "",
  };
  history.replaceState(null, "", `${location.pathname}#playground`);
  keepCredentials(credentials);
  return credentials;
}

/** Keeps them until the tab is closed. */
export function keepCredentials(credentials: Credentials): void {
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(credentials));
}

function readStored(): Credentials {
  const stored = sessionStorage.getItem(STORAGE_KEY);
  return stored === null ? NONE : { ...NONE, ...(JSON.parse(stored) as Partial<Credentials>) };
}
