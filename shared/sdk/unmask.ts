/**
 * The client: every endpoint of the API as a method.
 *
 * Owns: paths, and which calls are one request however often they are tried.
 * Does not own: transport (http.ts), the stream of a generation (generation-stream.ts).
 */
import type {
  ApiKey,
  ApiKeyList,
  CreatedApiKey,
  CreateKeyRequest,
  LedgerPage,
  UpdateKeyRequest,
  UsageReport,
} from "./account-types.ts";
import type {
  Generation,
  GenerationRequest,
  InfillAnswer,
  InfillRequest,
  Model,
  PricedTier,
  Quote,
  ScoreAnswer,
  ScoreRequest,
} from "./api-types.ts";
import { GenerationStream } from "./generation-stream.ts";
import { type Call, Http } from "./http.ts";

/** Where the API is, and who asks. */
export interface UnmaskOptions {
  /** `unm_…` */
  readonly apiKey: string;
  /** Ends with `/v1`. */
  readonly baseUrl: string;
  /** Tries after the first, for what may pass; 2 when left out. */
  readonly maxRetries?: number;
  /** Longest wait for an answer, milliseconds; ten minutes when left out. A stream may take longer. */
  readonly timeoutMs?: number;
  /** In place of the runtime's own. */
  readonly fetch?: typeof fetch;
}

/** How one call is made. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Calls with the same key and body are one request; the SDK makes one for each call. */
  readonly idempotencyKey?: string;
}

const DEFAULT_TIMEOUT_MS = 600_000;
const DEFAULT_MAX_RETRIES = 2;

/** A client of one deployment. Every method throws {@link UnmaskError}. */
export class Unmask {
  readonly #http: Http;
  readonly generations: Generations;
  readonly keys: Keys;

  constructor(options: UnmaskOptions) {
    this.#http = new Http({
      baseUrl: options.baseUrl.replace(/\/+$/, ""),
      apiKey: options.apiKey,
      maxRetries: options.maxRetries ?? DEFAULT_MAX_RETRIES,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      // Browsers take their own `fetch` only as a call of the global object.
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      random: Math.random,
    });
    this.generations = new Generations(this.#http);
    this.keys = new Keys(this.#http);
  }

  /** Generates, and waits for the whole answer. */
  async generate(request: GenerationRequest, options: CallOptions = {}): Promise<Generation> {
    return await this.#http.read(paidCall("/generations", request, options));
  }

  /** Generates, frame by frame; a broken connection is taken up again where it broke. */
  stream(request: GenerationRequest, options: CallOptions = {}): GenerationStream {
    const call = paidCall("/generations", { ...request, stream: true }, options);
    return new GenerationStream(this.#http, { ...call, headers: EVENT_STREAM });
  }

  /** Fills the holes of a template. */
  async infill(request: InfillRequest, options: CallOptions = {}): Promise<InfillAnswer> {
    return await this.#http.read(paidCall("/infill", request, options));
  }

  /** How likely answers are. */
  async score(request: ScoreRequest, options: CallOptions = {}): Promise<ScoreAnswer> {
    return await this.#http.read(paidCall("/score", request, options));
  }

  /** The most that a request would cost, by tier; nothing runs. */
  async quote(request: GenerationRequest, { signal }: CallOptions = {}): Promise<Quote> {
    // A quote changes nothing: trying it again is safe.
    const idempotencyKey = crypto.randomUUID();
    const call: Call = { method: "POST", path: "/quote", body: request, idempotencyKey, signal };
    return await this.#http.read(call);
  }

  /** The models that are served. */
  async models({ signal }: CallOptions = {}): Promise<Model[]> {
    const list = await this.#http.read<{ data: Model[] }>({
      method: "GET",
      path: "/models",
      signal,
    });
    return list.data;
  }

  /** The tiers at the account's price. */
  async tiers({ signal }: CallOptions = {}): Promise<PricedTier[]> {
    const call: Call = { method: "GET", path: "/tiers", signal };
    return (await this.#http.read<{ data: PricedTier[] }>(call)).data;
  }

  /**
   * What was used in the last `days` days, 30 when left out, from behind line `after`. Takes a management
   * key.
   */
  async usage(
    page: { days?: number; after?: string; limit?: number } = {},
    { signal }: CallOptions = {},
  ): Promise<UsageReport> {
    return await this.#http.read({ method: "GET", path: `/usage${toQuery(page)}`, signal });
  }

  /** Movements of money, newest first, from before entry `after`. Takes a management key. */
  async ledger(
    page: { after?: number; limit?: number } = {},
    { signal }: CallOptions = {},
  ): Promise<LedgerPage> {
    return await this.#http.read({ method: "GET", path: `/ledger${toQuery(page)}`, signal });
  }
}

const EVENT_STREAM = { accept: "text/event-stream" } as const;

/** Generations by their id. */
class Generations {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** How it stands. */
  async retrieve(id: string, { signal }: CallOptions = {}): Promise<Generation> {
    return await this.#http.read({ method: "GET", path: toPath("generations", id), signal });
  }

  /** Its frames from the beginning, those to come included. */
  events(id: string, { signal }: CallOptions = {}): GenerationStream {
    const path = `${toPath("generations", id)}/events`;
    const call: Call = { method: "GET", path, headers: EVENT_STREAM, signal };
    return new GenerationStream(this.#http, call, id);
  }

  /** Ends it at its next step. */
  async cancel(id: string, options: CallOptions = {}): Promise<Generation> {
    const path = `${toPath("generations", id)}/cancel`;
    return await this.#http.read(paidCall(path, undefined, options));
  }
}

/** The account's keys. Takes a management key. */
class Keys {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** A new key; its secret is told this once. */
  async create(request: CreateKeyRequest = {}, options: CallOptions = {}): Promise<CreatedApiKey> {
    const { signal } = options;
    return await this.#http.read({ method: "POST", path: "/keys", body: request, signal });
  }

  /** Oldest first, from after key `after`. */
  async list(
    page: { after?: string; limit?: number } = {},
    { signal }: CallOptions = {},
  ): Promise<ApiKeyList> {
    return await this.#http.read({ method: "GET", path: `/keys${toQuery(page)}`, signal });
  }

  /** A new key in the place of this one, which goes on for `overlapSeconds`, a day when left out. */
  async rotate(
    id: string,
    { overlapSeconds }: { overlapSeconds?: number } = {},
    { signal }: CallOptions = {},
  ): Promise<CreatedApiKey> {
    const body = overlapSeconds === undefined ? {} : { overlap_seconds: overlapSeconds };
    const path = `${toPath("keys", id)}/rotate`;
    return await this.#http.read({ method: "POST", path, body, signal });
  }

  /** Changes a key, at once; what is left out stays as it is. */
  async update(
    id: string,
    changes: UpdateKeyRequest,
    { signal }: CallOptions = {},
  ): Promise<ApiKey> {
    const path = toPath("keys", id);
    return await this.#http.read({ method: "PATCH", path, body: changes, signal });
  }

  /** Ends a key, at once. */
  async revoke(id: string, { signal }: CallOptions = {}): Promise<ApiKey> {
    return await this.#http.read({ method: "DELETE", path: toPath("keys", id), signal });
  }
}

/** A call that costs: its tries are one request. */
function paidCall(path: string, body: unknown, { signal, idempotencyKey }: CallOptions): Call {
  return {
    method: "POST",
    path,
    ...(body === undefined ? {} : { body }),
    idempotencyKey: idempotencyKey ?? crypto.randomUUID(),
    signal,
  };
}

function toPath(resource: string, id: string): string {
  return `/${resource}/${encodeURIComponent(id)}`;
}

function toQuery(fields: Readonly<Record<string, string | number | undefined>>): string {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (set.length === 0) return "";
  return `?${new URLSearchParams(Object.fromEntries(set.map(([name, value]) => [name, String(value)])))}`;
}
