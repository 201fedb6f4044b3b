import { ApiError } from "#shared/contracts/errors.ts";
import { Unmask } from "#shared/sdk/unmask.ts";
import { readClientConfig } from "../../config.ts";
import type { Flags } from "../command.ts";

/** Flags of every command that asks a deployment. */
export const CLIENT_FLAGS = { url: "optional", key: "optional" } as const;

/** Where a deployment is, by the flags or by the environment; `null` where neither says. */
export function readUrl(flags: Flags): string | null {
  const url = flags["url"] ?? readClientConfig().url;
  if (url === null) return null;
  if (!URL.canParse(url)) {
    throw new ApiError("invalid_parameter", "--url must be a URL.", { param: "url" });
  }
  return /\/v1\/?$/.test(url) ? url : new URL("/v1", url).href;
}

/**
 * A client of the deployment that the flags or the environment name.
 *
 * @param scope Which of the environment's keys serves where `--key` is not given.
 * @throws {ApiError} `missing_parameter` where the address or the key is not known.
 */
export function openClient(flags: Flags, scope: "inference" | "management"): Unmask {
  const baseUrl = readUrl(flags);
  const { apiKey: inferenceKey, managementKey } = readClientConfig();
  const apiKey = flags["key"] ?? (scope === "inference" ? inferenceKey : managementKey);
  if (baseUrl === null) throw missing("url", "UNMASK_URL");
  if (apiKey === null) {
    throw missing("key", scope === "inference" ? "UNMASK_API_KEY" : "UNMASK_MANAGEMENT_KEY");
  }
  return new Unmask({ apiKey, baseUrl });
}

function missing(flag: string, variable: string): ApiError {
  return new ApiError("missing_parameter", `--${flag} or ${variable} is required.`, {
    param: flag,
  });
}
