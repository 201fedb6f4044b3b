import type { Bindings } from "../environment.ts";

/** Base URLs of the nodes, without a slash at the end. */
export function readNodeUrls({ NODE_URLS }: Bindings): string[] {
  const urls = NODE_URLS.split(",").map((url) => url.trim().replace(/\/+$/, ""));
  return urls.filter((url) => url !== "");
}
