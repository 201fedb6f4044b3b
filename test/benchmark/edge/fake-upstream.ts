import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** What the upstream is to say. */
export interface UpstreamSettings {
  /** Signs receipts. */
  readonly grantSecret: string;
  /** The answer's text; a node's step for each. */
  readonly pieces: readonly string[];
}

export interface FakeUpstream {
  /** A node's base URL; a provider's is `/v1` under it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the upstream in a thread of its own. */
export async function startFakeUpstream(settings: UpstreamSettings): Promise<FakeUpstream> {
  const thread = new Worker(new URL("upstream-server.ts", import.meta.url), {
    workerData: settings,
  });
  const [port] = await once(thread, "message");
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await thread.terminate();
    },
  };
}
