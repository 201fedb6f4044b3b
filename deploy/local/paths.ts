import { join } from "node:path";

/** The folder that holds `package.json`. */
export const REPOSITORY_ROOT: string = join(import.meta.dirname, "..", "..");

/** Secrets, demo keys and Durable Object state of this machine; ignored by git. */
export const LOCAL_DIRECTORY: string = join(REPOSITORY_ROOT, ".unmask");

/** Without these, wrangler and workerd reach for the network. */
export const QUIET_ENVIRONMENT = {
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_LOG: "error",
} as const;
