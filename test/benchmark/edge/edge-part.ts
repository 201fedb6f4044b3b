/**
 * The edge as production runs it, with everything on: authentication, validation, limits, hold,
 * capture. Beside it, in the same rounds and before the same upstream, another gateway.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecrets, type StackSecrets } from "../../../deploy/local/local-stack.ts";
import { buildScript } from "../../../deploy/local/worker-bundle.ts";
import type { AdmissionOrder } from "../../../edge/accounts/admission.ts";
import { hashSecret, parseApiKey } from "../../../edge/accounts/api-key.ts";
import { STEP_UNIT_PRICES, toPlanPrice } from "../../../shared/contracts/prices.ts";
import { startHeart } from "../../support/node-heart.ts";
import { interleave, median, quantile } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import { startBareWorkerd, type WorkerModules } from "./bare-workerd.ts";
import { type BenchAccount, openBenchAccount } from "./bench-account.ts";
import { type LoadRequest, type LoadResult, runClosedLoop } from "./closed-loop.ts";
import { type FakeUpstream, startFakeUpstream } from "./fake-upstream.ts";
import { startPortkeyGateway } from "./portkey-gateway.ts";

const CONNECTION_COUNT = 16;
const TIER = "draft";
/** What the upstream says, a step each. */
const PIECES = ["Hello", " there"];
const TEXT = PIECES.join("");
/** Micro-dollars: what every answer must cost. */
const COST = PIECES.length * toPlanPrice(STEP_UNIT_PRICES[TIER], "scale");

const MESSAGES = [{ role: "user", content: "Tell me a story about a cat." }];
const JSON_TYPE = { "content-type": "application/json" } as const;

interface Rounds {
  readonly count: number;
  readonly durationMs: number;
}

/** Measures the edge. */
export const edgePart: BenchPart = {
  name: "edge",
  async run(options, report) {
    const directory = await mkdtemp(join(tmpdir(), "unmask-bench-"));
    const secrets = createSecrets();
    const upstream = await startFakeUpstream({ grantSecret: secrets.GRANT_SECRET, pieces: PIECES });
    try {
      report.tell("edge: bundling the Worker");
      const script = await buildScript(directory, join("edge", "worker.ts"));
      const rounds = chooseRounds(options);
      await withEdge({ "worker.js": script }, secrets, async (url, account) => {
        const grantSecret = secrets.GRANT_SECRET;
        const heart = await startHeart({ edgeUrl: url, nodeUrl: upstream.url, grantSecret });
        try {
          const answers = await measureGateways(url, account, upstream, rounds, report);
          const added = await measureAdded(url, account, upstream, rounds, report);
          await account.checkCharges(answers + added, COST);
        } finally {
          heart.stop();
        }
      });
      await measureLedger(script, secrets, rounds, report);
    } finally {
      await upstream.stop();
      await rm(directory, { recursive: true });
    }
  },
};

function chooseRounds({ isQuick }: BenchOptions): Rounds {
  return isQuick ? { count: 1, durationMs: 500 } : { count: 3, durationMs: 4_000 };
}

async function withEdge(
  modules: WorkerModules,
  secrets: StackSecrets,
  work: (url: string, account: BenchAccount) => Promise<void>,
): Promise<void> {
  const edge = await startBareWorkerd(modules, { ...secrets });
  try {
    await work(edge.url, await openBenchAccount(edge.url, secrets.OPERATOR_SECRET));
  } finally {
    await edge.stop();
  }
}

/** @returns How many answers the edge gave. */
async function measureGateways(
  edgeUrl: string,
  account: BenchAccount,
  upstream: FakeUpstream,
  { count, durationMs }: Rounds,
  report: BenchReport,
): Promise<number> {
  const names = ["edge_over_portkey_rps", "edge_over_portkey_p99"];
  report.tell("edge: installing @portkey-ai/gateway");
  const portkey = await startPortkeyGateway().catch((error: unknown) => {
    report.skip(names, `@portkey-ai/gateway does not run here: ${String(error)}`);
    return null;
  });
  if (portkey === null) return 0;
  let answerCount = 0;
  try {
    const results = await interleave(count, {
      edge: async () => {
        const result = await load(toEdgeRequest(edgeUrl, account), durationMs);
        answerCount += result.answerCount;
        return result;
      },
      portkey: () => load(toPortkeyRequest(portkey.url, upstream), durationMs),
    });
    for (const [name, loads] of Object.entries(results)) report.tell(describe(name, loads));
    const pairs = results.edge.map((edge, i) => ({ edge, portkey: results.portkey[i] ?? edge }));
    const overRps = pairs.map(({ edge, portkey }) => edge.perSecond / portkey.perSecond);
    const overP99 = pairs.map(({ edge, portkey }) => toP99(edge) / toP99(portkey));
    report.add("edge_over_portkey_rps", { value: median(overRps), unit: "ratio", runs: count });
    report.add("edge_over_portkey_p99", { value: median(overP99), unit: "ratio", runs: count });
  } finally {
    await portkey.stop();
  }
  return answerCount;
}

/** @returns How many answers the edge gave. */
async function measureAdded(
  edgeUrl: string,
  account: BenchAccount,
  upstream: FakeUpstream,
  { count, durationMs }: Rounds,
  report: BenchReport,
): Promise<number> {
  let answerCount = 0;
  const results = await interleave(count, {
    edge: async () => {
      const result = await runClosedLoop(toEdgeRequest(edgeUrl, account), 1, durationMs / 2);
      answerCount += result.answerCount;
      return result;
    },
    direct: () => runClosedLoop(toNodeRequest(upstream), 1, durationMs / 2),
  });
  const added = results.edge.map((edge, i) => toP50(edge) - toP50(results.direct[i] ?? edge));
  report.add("edge_added_ms_p50", { value: median(added), unit: "ms", runs: count });
  return answerCount;
}

async function measureLedger(
  script: string,
  secrets: StackSecrets,
  { count, durationMs }: Rounds,
  report: BenchReport,
): Promise<void> {
  const entry = await readFile(join(import.meta.dirname, "ledger-worker.mjs"), "utf8");
  const modules = { "ledger-worker.js": entry, "edge.js": script };
  await withEdge(modules, secrets, async (url, account) => {
    const request = await toPairRequest(url, account);
    let pairCount = 0;
    const { pairs } = await interleave(count, {
      pairs: async () => {
        const result = await load(request, durationMs);
        pairCount += result.answerCount;
        return result;
      },
    });
    report.tell(describe("ledger pairs", pairs));
    const perSecond = pairs.map((result) => result.perSecond);
    report.add("ledger_pairs_per_s", { value: median(perSecond), unit: "1/s", runs: count });
    await account.checkCharges(pairCount, COST);
  });
}

function load(request: LoadRequest, durationMs: number): Promise<LoadResult> {
  return runClosedLoop(request, CONNECTION_COUNT, durationMs);
}

function toEdgeRequest(edgeUrl: string, { inferenceKey }: BenchAccount): LoadRequest {
  return {
    origin: edgeUrl,
    path: "/v1/chat/completions",
    headers: { ...JSON_TYPE, authorization: `Bearer ${inferenceKey}` },
    body: JSON.stringify({ model: "fake", messages: MESSAGES, max_tokens: 16, tier: TIER }),
    expected: [TEXT, `"cost":${COST},`],
  };
}

function toPortkeyRequest(portkeyUrl: string, upstream: FakeUpstream): LoadRequest {
  return {
    origin: portkeyUrl,
    path: "/v1/chat/completions",
    headers: {
      ...JSON_TYPE,
      authorization: "Bearer none",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `${upstream.url}/v1`,
    },
    body: JSON.stringify({ model: "fake", messages: MESSAGES, max_tokens: 16 }),
    expected: [TEXT],
  };
}

/** The upstream without anybody between: it asks for no grant. */
function toNodeRequest(upstream: FakeUpstream): LoadRequest {
  return {
    origin: upstream.url,
    path: "/generations",
    headers: JSON_TYPE,
    body: JSON.stringify({
      request_id: "gen_direct",
      input: { type: "messages", messages: MESSAGES },
      parameters: { max_tokens: 16 },
    }),
    expected: ['"type":"done"'],
  };
}

async function toPairRequest(edgeUrl: string, account: BenchAccount): Promise<LoadRequest> {
  const secret = parseApiKey(account.inferenceKey)?.secret ?? "";
  const order: Omit<AdmissionOrder, "requestId"> = {
    presented: {
      keyId: account.inferenceKeyId,
      secretHash: await hashSecret(secret),
      scopes: ["inference"],
    },
    model: "fake",
    tier: TIER,
    maxStepUnits: PIECES.length,
    listPrice: STEP_UNIT_PRICES[TIER],
    bodyBytes: 100,
    promptCharacters: 100,
    maxPrice: null,
    claim: null,
  };
  const receipt = { stepUnits: PIECES.length, cameBy: "stream" };
  return {
    origin: edgeUrl,
    path: "/pairs",
    headers: JSON_TYPE,
    body: JSON.stringify({ account_id: account.accountId, order, receipt }),
    expected: ['"state":"captured"', `"cost":${COST},`],
  };
}

function toP50({ latenciesMs }: LoadResult): number {
  return quantile(latenciesMs, 0.5);
}

function toP99({ latenciesMs }: LoadResult): number {
  return quantile(latenciesMs, 0.99);
}

function describe(name: string, loads: readonly LoadResult[]): string {
  const rates = loads.map((result) => Math.round(result.perSecond)).join(", ");
  const tails = loads.map((result) => toP99(result).toFixed(1)).join(", ");
  return `${name}: ${rates} requests/s; p99 ${tails} ms`;
}
