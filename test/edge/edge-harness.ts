/** The Worker in workerd with real SQLite Durable Objects, and what tests say to it. */
import { Miniflare } from "miniflare";
import { inject } from "vitest";
import { applyMigrations } from "../../deploy/local/apply-migrations.ts";
import { toMiniflareOptions } from "../../deploy/local/worker-bundle.ts";
import { createdAccountSchema, createdApiKeySchema } from "../../shared/contracts/accounts.ts";
import { errorBodySchema } from "../../shared/contracts/error-body.ts";
import type { Plan } from "../../shared/contracts/plans.ts";
import type { NodeHeartbeat } from "../../shared/contracts/pool.ts";
import { beatOnce, startHeart } from "../support/node-heart.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

/** A running Worker. */
export interface TestEdge {
  /** Without a slash at the end. */
  readonly url: string;
  /** Sends a request; `json` becomes its body. */
  send(method: string, path: string, options?: SendOptions): Promise<Response>;
  /** Lines that the Worker wrote to its console. */
  readonly log: readonly string[];
  /** Takes an account's object out of memory, whatever it is doing. */
  evictAccount(accountId: string): Promise<void>;
  /** Rows of the usage table of one account, in order. */
  readUsageRows(accountId: string): Promise<Record<string, unknown>[]>;
  /** Changes the usage table behind everybody's back. */
  alterUsage(query: string, ...values: (string | number)[]): Promise<void>;
  /** Puts a message on the usage queue, as an account does. */
  sendUsage(message: unknown): Promise<void>;
  /** Tells the edge of a node, once. */
  beat(nodeUrl: string, changes?: Partial<NodeHeartbeat>): Promise<Response>;
  /** Account objects that exist, by id. */
  listAccountObjects(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface SendOptions {
  readonly key?: string | null;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** An account with one key of each scope. */
export interface TestAccount {
  readonly accountId: string;
  readonly managementKey: string;
  readonly inferenceKey: string;
  readonly inferenceKeyId: string;
}

/**
 * Starts the bundled Worker, and tells it of the nodes at `nodeUrls`.
 *
 * @param stateDirectory Where its state outlives it; kept in memory when left out.
 */
export async function startTestEdge(
  nodeUrls: readonly string[],
  bindings: Readonly<Record<string, string>> = {},
  stateDirectory?: string,
): Promise<TestEdge> {
  const log: string[] = [];
  const miniflare = new Miniflare(
    toMiniflareOptions(
      inject("edgeBundle"),
      {
        ...TEST_SECRETS,
        KEY_ENVIRONMENT: "test",
        // A test that has no node says so at once, unless it is about waiting.
        NODE_WAIT_MS: "0",
        ...bindings,
      },
      {
        ...(stateDirectory === undefined ? {} : { resourcePersistencePath: stateDirectory }),
        handleStructuredLogs: ({ message }: { message: string }) => log.push(message),
      },
    ),
  );
  const url = (await miniflare.ready).origin;
  const database = await miniflare.getD1Database("USAGE_DATABASE");
  await applyMigrations(database);
  const heartOf = (nodeUrl: string) => {
    return { edgeUrl: url, nodeUrl, grantSecret: TEST_SECRETS.GRANT_SECRET };
  };
  const hearts = await Promise.all(nodeUrls.map((nodeUrl) => startHeart(heartOf(nodeUrl))));
  return {
    url,
    send: (method, path, options = {}) => fetch(url + path, toInit(method, options)),
    log,
    evictAccount: (name) => miniflare.unsafeEvictDurableObject("unmask", "AccountObject", { name }),
    async readUsageRows(accountId) {
      const query = "SELECT * FROM usage WHERE account_id = ? ORDER BY sequence";
      const { results } = await database.prepare(query).bind(accountId).run();
      return results;
    },
    async alterUsage(query, ...values) {
      await database
        .prepare(query)
        .bind(...values)
        .run();
    },
    async sendUsage(message) {
      const queue = await miniflare.getQueueProducer("USAGE_QUEUE");
      await queue.send(message);
    },
    listAccountObjects: () => miniflare.listDurableObjectIds("ACCOUNTS"),
    beat: async (nodeUrl, changes) => await beatOnce(heartOf(nodeUrl), changes),
    stop: async () => {
      for (const { stop } of hearts) stop();
      await miniflare.dispose();
    },
  };
}

function toInit(method: string, { key, json, headers, signal }: SendOptions): RequestInit {
  return {
    method,
    headers: {
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** What an account shall have beside a name. */
export interface TestAccountWish {
  readonly plan?: Plan;
  /** Micro-dollars. */
  readonly credit?: number;
}

/** Opens an account and issues it an inference key. */
export async function createTestAccount(
  edge: TestEdge,
  { plan = "scale", credit = 1_000_000_000 }: TestAccountWish = {},
): Promise<TestAccount> {
  const opened = await edge.send("POST", "/v1/accounts", {
    key: TEST_SECRETS.OPERATOR_SECRET,
    json: { name: "test", plan, credit },
  });
  const account = createdAccountSchema.parse(await opened.json());
  const issued = await edge.send("POST", "/v1/keys", { key: account.management_key, json: {} });
  const key = createdApiKeySchema.parse(await issued.json());
  return {
    accountId: account.id,
    managementKey: account.management_key,
    inferenceKey: key.key,
    inferenceKeyId: key.id,
  };
}

/** What an error response says; fails unless it has the one shape and names its request. */
export async function readError(
  response: Response,
): Promise<{ status: number; code: string; param: string | null; type: string; message: string }> {
  const { error, request_id: requestId } = errorBodySchema.parse(await response.json());
  if (requestId === null || requestId !== response.headers.get("x-request-id")) {
    throw new Error("The error does not name its request.");
  }
  return { status: response.status, ...error };
}
