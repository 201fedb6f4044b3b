/**
 * Many wrong requests against the whole app, in this process: its middleware, routes and an
 * account's object over real SQLite. Each is refused in the one shape, and no money moves.
 */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, it, vi } from "vitest";
import type { AccountStub } from "../../../edge/accounts/account-client.ts";
import { createAccountId, createApiKey } from "../../../edge/accounts/api-key.ts";
import { KnownKeys } from "../../../edge/accounts/known-keys.ts";
import { NodeClient } from "../../../edge/pool/node-client.ts";
import { NodePool } from "../../../edge/pool/node-pool.ts";
import { toNodeTimeouts } from "../../../edge/pool/node-timeouts.ts";
import type { KeyScope } from "../../../shared/contracts/accounts.ts";
import { errorBodySchema, toErrorBody } from "../../../shared/contracts/error-body.ts";
import { ApiError } from "../../../shared/contracts/errors.ts";
import { openSql } from "./accounts/open-sql.ts";
import { createHeartbeat, createScriptedPool } from "./pool/scripted-pool.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));

/** A short run each time; `UNMASK_FUZZ_REQUESTS=20000` is the long one, and takes some minutes. */
const REQUEST_COUNT = Number(process.env["UNMASK_FUZZ_REQUESTS"] ?? 1_000);
const CREDIT = 1_000_000_000;
const TAG_SECRET = "the tag's secret";
const PATHS = [
  ...["/v1/chat/completions", "/v1/completions", "/v1/quote"],
  ...["/v1/generations", "/v1/infill", "/v1/score"],
];

const model = {
  ...{ id: "llada-test", weights_digest: "ab", created: 1 },
  ...{ max_length: 512, vocabulary_size: 10, parameter_count: 10 },
};

/** A node that refuses whatever reaches it: what is well-formed after all must not succeed either. */
async function refuse(): Promise<Response> {
  const error = new ApiError("context_length_exceeded", "Too long.", { param: "input" });
  return Response.json(toErrorBody(error, null), { status: 400 });
}

/** Only these are used; the app's own types are the Worker's, which this process lacks. */
interface App {
  request(request: Request, init: object, bindings: object, context: object): Promise<Response>;
}

let send: (request: Request) => Promise<Response>;
let account: AccountStub;
let key: string;
let managementKey: string;
const faults: unknown[] = [];

beforeAll(async () => {
  // By names that the compiler does not follow: the Worker's types are not this process's.
  const [app, object, host] = ["app", "account-object", "generation-host"];
  const { createApp } = await import(`../../../edge/${app}.ts`);
  const { AccountObject } = await import(`../../../edge/accounts/${object}.ts`);
  const { GenerationHost } = await import(`../../../edge/generations/${host}.ts`);
  const openStorage = () => {
    const sql = openSql();
    const transactionSync = <Result>(act: () => Result) => sql.transact(act);
    return { sql, transactionSync, setAlarm: async () => undefined };
  };
  const lifetimes = { HOLD_LIFETIME_MS: "900000", RECEIPT_GRACE_MS: "900000" };
  account = new AccountObject({ storage: openStorage() }, lifetimes);
  const accountId = createAccountId(randomBytes);
  const issue = async (scope: KeyScope) => {
    const format = { environment: "test", accountId, tagSecret: TAG_SECRET, randomBytes } as const;
    const { key: text, ...issued } = await createApiKey(format);
    const bounds = { spendingLimit: null, concurrencyLimit: null, models: null, tiers: null };
    const times = { createdAt: 0, expiresAt: null, revokedAt: null };
    return { text, record: { ...issued, ...bounds, ...times, name: null, scope } };
  };
  const [inference, management] = [await issue("inference"), await issue("management")];
  [key, managementKey] = [inference.text, management.text];
  await account.createAccount(
    { accountId, name: null, plan: "scale", createdAt: 0 },
    inference.record,
    { kind: "credit", amount: CREDIT, reference: "start" },
  );
  await account.createKey(management.record);
  const platform = {
    now: Date.now,
    randomBytes,
    keys: new KnownKeys(),
    nodes: new NodePool(new NodeClient(refuse, Date.now, toNodeTimeouts()), Date.now, () => 0),
    reportFault: (report: unknown) => faults.push(report),
  };
  const edge: App = createApp(platform);
  const pool = createScriptedPool([], Date.now);
  const beat = createHeartbeat("http://node", { model });
  const view = { nodes: [{ ...beat, heardAt: 0 }], models: [model] };
  const bindings = {
    ACCOUNTS: { getByName: () => account },
    // Each is asked once: nothing runs, so that none is ever asked for again.
    GENERATIONS: { getByName: () => createHost() },
    READER_GRACE_MS: "1000",
    GENERATION_RETENTION_MS: "1000",
    POOL: { getByName: () => ({ ...pool.find(), read: async () => view }) },
    NODE_WAIT_MS: "0",
    KEY_ENVIRONMENT: "test",
    KEY_TAG_SECRET: TAG_SECRET,
    GRANT_SECRET: "the grant's secret",
    OPERATOR_SECRET: "the operator's secret",
  };
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined };
  const createHost = () =>
    new GenerationHost({ ...context, storage: openStorage() }, bindings, platform);
  send = (request) => edge.request(request, {}, bindings, context);
});

const chat = { messages: [{ role: "user", content: "Greet me." }], max_tokens: 32, seed: 1 };
const completion = { prompt: "Once", max_tokens: 32, tier: "fast", stop: ["\n"], stream: false };
const infill = { template: ["a", { length: 2 }, { min_length: 1, max_length: 2 }], seed: 1 };
const scored = { prompt: "Once", answers: ["a", "b"], samples: 2 };
const BASES = [chat, completion, infill, scored];
const FIELDS = [
  ...["model", "messages", "prompt", "max_tokens", "steps", "tier", "temperature", "cfg_scale"],
  ...["seed", "stop", "stream", "stream_options", "block_length", "remasking", "n", "logit_bias"],
  ...["confidence_threshold", "cache", "early_exit", "revision_steps", "deadline_ms", "max_price"],
  ...["template", "answers", "samples", "background", "echo", "suffix", "logprobs"],
  ...["tools", "response_format", "__proto__", "constructor", "messages.0.content", ""],
];

/** A value that no field expects, as JSON text. */
const oddity = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
  fc.constantFrom("1e400", "-1e400", "9007199254740993", "-0", "1e-400", '"\\ud800"', "[[[]]]"),
  fc.integer({ min: 1, max: 4_000 }).map((depth) => "[".repeat(depth) + "]".repeat(depth)),
  fc
    .integer({ min: 1, max: 2_000 })
    .map((depth) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`),
);

/** A valid body with one to three fields replaced, or broken as text. */
const mutated = fc
  .record({
    base: fc.constantFrom<object>(...BASES),
    changes: fc.array(fc.tuple(fc.constantFrom(...FIELDS), oddity), { minLength: 1, maxLength: 3 }),
  })
  .map(({ base, changes }) => {
    const kept = Object.entries(base).filter(([name]) => !changes.some(([one]) => one === name));
    const pairs = [
      ...kept.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`),
      ...changes.map(([name, text]) => `${JSON.stringify(name)}:${text}`),
    ];
    return Buffer.from(`{${pairs.join(",")}}`);
  });

const valid = fc.constantFrom(...BASES).map((body) => Buffer.from(JSON.stringify(body)));
const cut = fc.tuple(valid, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length));
const flipped = fc.tuple(valid, fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, byte]) => {
  const copy = Buffer.from(bytes);
  copy[at % copy.length] = byte;
  return copy;
});
const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

const keyWish = { name: "a", scope: "inference", spending_limit: 1, tiers: ["draft"] };
const MANAGEMENT_FIELDS = [
  ...["name", "scope", "expires_at", "spending_limit", "concurrency_limit", "models", "tiers"],
  ...[
    "overlap_seconds",
    "amount",
    "success_url",
    "cancel_url",
    "grant",
    "signed_receipt",
    "sent_at",
  ],
  ...["url", "model", "nodes", "__proto__", ""],
];
const MANAGEMENT_PATHS = [
  ...["/v1/keys", "/v1/keys/key_0000000000/rotate", "/v1/keys/%F0/rotate", "/v1/top-ups"],
  ...["/internal/receipts", "/internal/nodes/heartbeat", "/internal/stripe-events"],
  ...["/v1/accounts", "/v1/accounts/acct_1/credits", "/v1/accounts/acct_1/reconciliation"],
  ...["/v1/generations/gen_1/cancel", "/v1/generations/%00/cancel"],
];

const mutatedManagement = fc
  .array(fc.tuple(fc.constantFrom(...MANAGEMENT_FIELDS), oddity), { maxLength: 4 })
  .map((changes) => {
    const kept = Object.entries(keyWish).map(([name, value]) => [name, JSON.stringify(value)]);
    const pairs = [...kept, ...changes].map(([name, text]) => `${JSON.stringify(name)}:${text}`);
    return Buffer.from(`{${pairs.join(",")}}`);
  });

const managementRequest = fc.record({
  path: fc.constantFrom(...MANAGEMENT_PATHS),
  body: fc.oneof({ weight: 4, arbitrary: mutatedManagement }, cut, flipped, noise),
});

/** A value of a query or of a path: what no reader of numbers and ids expects. */
const readRequest = fc
  .tuple(
    fc.constantFrom(
      ...["/v1/ledger?after=", "/v1/ledger?limit=", "/v1/usage?after=", "/v1/usage?days="],
      ...["/v1/models/", "/v1/generations/", "/v1/keys?limit=", "/v1/keys?after="],
    ),
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }).map(encodeURIComponent),
      fc.constantFrom("-1", "1e400", "0x10", "9007199254740993", "NaN", "1;2", "%", "%F0", "%00"),
    ),
  )
  .map(([path, value]) => path + value);

const wrongRequest = fc.record({
  path: fc.constantFrom(...PATHS),
  body: fc.oneof({ weight: 6, arbitrary: mutated }, cut, flipped, noise),
  mediaType: fc.oneof(
    { weight: 20, arbitrary: fc.constant("application/json") },
    fc.constantFrom("text/plain", "application/x-www-form-urlencoded", ";;;", ""),
  ),
  claim: fc.oneof(
    { weight: 9, arbitrary: fc.constant({}) },
    fc.string({ maxLength: 5 }).map((text) => ({ "idempotency-key": encodeURI(text) })),
    fc.constantFrom("0", "1", "-1", "x").map((count) => ({ "x-stainless-retry-count": count })),
  ),
  isSplit: fc.boolean(),
});

/** Bytes in pieces of seven, announced by no length. */
function inPieces(bytes: Buffer): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(Uint8Array.from(bytes.subarray(at, at + 7)));
      at += 7;
    },
  });
}

describe("malformed requests", () => {
  it(`are each refused in one shape, ${REQUEST_COUNT} of them, and no money moves`, {
    timeout: 600_000,
  }, async ({ expect }) => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(wrongRequest, async ({ path, body, mediaType, claim, isSplit }) => {
        const headers = { authorization: `Bearer ${key}`, "content-type": mediaType, ...claim };
        const bytes = isSplit ? inPieces(body) : Uint8Array.from(body);
        const init = { method: "POST", headers, body: bytes, duplex: "half" } as RequestInit;
        const response = await send(new Request(`http://edge${path}`, init));
        const text = await response.text();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        // A quote of a body that stayed valid is no request to run anything.
        if (path === "/v1/quote" && response.status === 200) return;
        // Nor has a node refused one yet that runs in the background.
        if (path !== "/v1/quote" && response.status === 202) return;
        expect(response.status, text).toBeGreaterThanOrEqual(400);
        expect(response.status, text).toBeLessThan(500);
        errorBodySchema.parse(JSON.parse(text));
      }),
      { numRuns: REQUEST_COUNT, seed: 7, endOnFailure: true },
    );
    expect(faults).toEqual([]);
    const readMoney = async () => (await account.readLedger(null, 10)).purse;
    await expect.poll(readMoney, { timeout: 10_000 }).toEqual({ balance: CREDIT, held: 0 });
    expect((await account.readLedger(null, 10)).entries).toHaveLength(1);
    // What is refused is refused for reasons of its own, not all for the same one.
    expect(statuses.get(400)).toBeGreaterThan(REQUEST_COUNT / 2);
    expect(statuses.get(415)).toBeGreaterThan(0);
  });

  it("of keys, money and nodes are answered or refused in that shape, and no money moves", {
    timeout: 600_000,
  }, async ({ expect }) => {
    const checkAnswer = async (request: Request) => {
      const response = await send(request);
      const text = await response.text();
      expect(response.status, text).toBeLessThan(500);
      if (response.status >= 400) errorBodySchema.parse(JSON.parse(text));
    };
    const authorization = `Bearer ${managementKey}`;
    const posts = fc.asyncProperty(managementRequest, async ({ path, body }) => {
      const headers = { authorization, "content-type": "application/json" };
      const init = { method: "POST", headers, body: Uint8Array.from(body) };
      await checkAnswer(new Request(`http://edge${path}`, init));
    });
    const reads = fc.asyncProperty(readRequest, async (path) => {
      await checkAnswer(new Request(`http://edge${path}`, { headers: { authorization } }));
    });
    const runs = { numRuns: REQUEST_COUNT / 2, seed: 11, endOnFailure: true };
    await fc.assert(posts, runs);
    await fc.assert(reads, runs);
    expect(faults).toEqual([]);
    const { purse } = await account.readLedger(null, 10);
    expect(purse).toEqual({ balance: CREDIT, held: 0 });
  });
});
