/** The Worker's entry: the platform's own clock, random bytes, fetch and log, put together. */

import { env } from "cloudflare:workers";
import { KnownKeys } from "./accounts/known-keys.ts";
import { createApp } from "./app.ts";
import { writeUsage } from "./billing/write-usage.ts";
import type { Bindings, Platform } from "./environment.ts";
import { GenerationHost } from "./generations/generation-host.ts";
import { NodeClient } from "./pool/node-client.ts";
import { NodePool } from "./pool/node-pool.ts";
import { toNodeTimeouts } from "./pool/node-timeouts.ts";
import { createFaultReporter } from "./report-fault.ts";

export { AccountObject } from "./accounts/account-object.ts";
export { PoolObject } from "./pool/pool-object.ts";

const now = () => Date.now();
// The bindings of every request are the isolate's own.
const { NODE_PATIENCE_MS } = env as Bindings;
const timeouts = toNodeTimeouts(NODE_PATIENCE_MS);
const client = new NodeClient((url, init) => fetch(url, init), now, timeouts);
// biome-ignore lint/suspicious/noConsole: the platform's log is its console.
const writeLine = (line: string) => console.error(line);
const platform: Platform = {
  now,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  keys: new KnownKeys(),
  nodes: new NodePool(client, now, Math.random),
  reportFault: createFaultReporter(writeLine),
};
const app = createApp(platform);

/** The runtime makes these itself, so that what they take is given here. */
export class GenerationObject extends GenerationHost {
  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings, platform);
  }
}

export default {
  fetch: app.fetch,
  /** The usage queue: a batch that fails comes again, and what it had written then changes nothing. */
  async queue(batch: MessageBatch, { USAGE_DATABASE }: Bindings): Promise<void> {
    const leftOutCount = await writeUsage(
      USAGE_DATABASE,
      batch.messages.map(({ body }) => body),
    );
    if (leftOutCount > 0) {
      writeLine(JSON.stringify({ event: "usage_not_understood", count: leftOutCount }));
    }
  },
};
