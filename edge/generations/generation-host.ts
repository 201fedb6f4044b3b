/**
 * The Durable Object of one generation: runs it on a node, keeps its events for a while, and tells them
 * to whoever reads.
 *
 * It lives while its node's stream is open. Where it is put out of memory meanwhile, its alarm or its
 * next reader brings it back, and another node goes on from the last state that was kept.
 * Owns: when it runs, when it is stopped, when all of it is deleted. Does not own: the run
 * (run-generation.ts), the events (generation-log.ts), the hold (edge/accounts).
 */
import { DurableObject } from "cloudflare:workers";
import { toApiError } from "#shared/contracts/error-body.ts";
import type { ApiError, ErrorCode } from "#shared/contracts/errors.ts";
import type { Generation } from "#shared/contracts/generation-events.ts";
import type { NodeFrame } from "#shared/contracts/node-wire.ts";
import type { AnsweringModel } from "../accounts/claims.ts";
import type { Bindings, Platform } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";
import { openPool } from "../open-pool.ts";
import type { NodeEvent } from "../pool/node-events.ts";
import type { GenerationOrder, NodeGeneration } from "../pool/node-pool.ts";
import { toRemainingTime } from "../pool/remaining-time.ts";
import { BEGINNING } from "../pool/run-progress.ts";
import { EventFeed } from "./event-feed.ts";
import { GenerationLog } from "./generation-log.ts";
import { GenerationStore, type HostedOrder } from "./generation-store.ts";
import { openTab } from "./open-tab.ts";
import { GenerationRun } from "./run-generation.ts";

/** An error as a value: it crosses the network between objects. */
export interface BeginRefusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | null;
  readonly retryAfterSeconds: number | null;
}

/** What is told of a generation once it has begun, or cannot. */
export type Begin =
  | { readonly refusal: BeginRefusal }
  | { readonly createdAt: number; readonly model: AnsweringModel };

/** While it runs, how often it makes sure of it. */
const GUARD_MS = 30_000;
/** How long a cancelling waits for the step that runs. */
const CANCEL_WAIT_MS = 1_000;

/** What is in memory while the generation is known here. */
interface Live {
  readonly store: GenerationStore;
  readonly log: GenerationLog;
  readonly feed: EventFeed;
  run: GenerationRun | null;
  /** Resolves with the first event, or with why there is none. */
  readonly begun: PromiseWithResolvers<Begin>;
  readonly ended: PromiseWithResolvers<void>;
}

/** One generation. Every method may be called again. */
export class GenerationHost extends DurableObject<Bindings> {
  readonly #platform: Platform;
  #live: Live | null = null;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(state: DurableObjectState, bindings: Bindings, platform: Platform) {
    super(state, bindings);
    this.#platform = platform;
  }

  /**
   * Begins it, unless it was begun. Answers once it has; at once for one in the background.
   */
  async start(order: HostedOrder): Promise<Begin> {
    const live = this.#find() ?? this.#create(order);
    return order.isBackground ? toBegun(live) : await live.begun.promise;
  }

  /** The same of one that was begun before; `null` if there is no such generation any more. */
  async awaitBegin(): Promise<Begin | null> {
    const live = this.#find();
    return live === null ? null : await live.begun.promise;
  }

  /** Its events after a number, and those to come; `null` if there is no such generation any more. */
  openEvents(after: number): ReadableStream<Uint8Array> | null {
    const live = this.#find();
    if (live === null) return null;
    clearTimeout(this.#graceTimer);
    return live.feed.open(after);
  }

  /** As it stands; `null` if there is no such generation any more. */
  look(): Generation | null {
    return this.#find()?.log.generation ?? null;
  }

  /** Has it stop at its next step, and waits a moment for that. */
  async cancel(): Promise<Generation | null> {
    const live = this.#find();
    if (live === null) return null;
    live.run?.stop();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CANCEL_WAIT_MS);
    await Promise.race([live.ended.promise, late]);
    clearTimeout(timer);
    return live.log.generation;
  }

  /** Makes sure that it runs; forgets it when its time has come. */
  override async alarm(): Promise<void> {
    const live = this.#find();
    if (live !== null && !live.log.isEnded) {
      await this.ctx.storage.setAlarm(Date.now() + GUARD_MS);
      return;
    }
    this.#live = null;
    await this.ctx.storage.deleteAll();
  }

  /** What is known here; a run that was lost with the memory is taken up again. */
  #find(): Live | null {
    if (this.#live !== null) return this.#live;
    const store = GenerationStore.find(this.ctx.storage.sql);
    if (store === null) return null;
    const live = this.#open(store);
    if (!live.log.isEnded) this.#run(live);
    return live;
  }

  #create(order: HostedOrder): Live {
    const store = this.ctx.storage.transactionSync(() =>
      GenerationStore.create(this.ctx.storage.sql, order),
    );
    const live = this.#open(store);
    this.#run(live);
    return live;
  }

  #open(store: GenerationStore): Live {
    const log = new GenerationLog(store.order, store.readAll());
    const source = { read: (after: number) => store.read(after), isEnded: () => log.isEnded };
    const live: Live = {
      store,
      log,
      feed: new EventFeed(source, () => this.#countDown()),
      run: null,
      begun: Promise.withResolvers(),
      ended: Promise.withResolvers(),
    };
    if (store.read(0).length > 0) live.begun.resolve(toBegun(live));
    if (log.isEnded) live.ended.resolve();
    this.#live = live;
    return live;
  }

  #run(live: Live): void {
    const { store, log } = live;
    const accounts = openAccounts(this.env);
    const run = new GenerationRun({
      order: store.order,
      log,
      tab: openTab(accounts, store.order),
      open: async (parts) => await this.#openOnNode(live, parts),
      onEvent: (event) => this.#take(live, event),
    });
    live.run = run;
    void this.ctx.storage.setAlarm(Date.now() + GUARD_MS);
    // Whoever had it begin waits for that, and comes to read then.
    void live.begun.promise.then(() => this.#countDown());
    void run
      .run()
      .then(({ error, event }) => {
        if (error !== null && error.status >= 500) this.#report(error);
        store.append(event);
        this.#end(live, error === null ? toBegun(live) : { refusal: toRefusal(error) });
      })
      // The account could not be asked: its alarm settles the hold, and this one's runs it again.
      .catch((thrown: unknown) => {
        const error = toApiError(thrown);
        this.#report(error, thrown);
        this.#live = null;
        live.begun.resolve({ refusal: toRefusal(error) });
        live.ended.resolve();
        live.feed.abort(error);
      });
  }

  /** Starts it on a node, or where it was left off when the memory of it was lost. */
  async #openOnNode(
    { store }: Live,
    parts: Pick<GenerationOrder, "signal" | "onFailureReceipt">,
  ): Promise<NodeGeneration> {
    const { id, accountId, createdAt, model, request } = store.order;
    const after = store.readPosition();
    // The first attempt is noted with the hold; what is lost from here on goes on as the next one.
    if (after === null) store.keepPosition({ ...BEGINNING, attempt: 1 });
    const accounts = openAccounts(this.env);
    const parameters = toRemainingTime(request.parameters, this.#platform.now() - createdAt);
    return await this.#platform.nodes.open({
      pool: openPool(this.env, (work) => this.ctx.waitUntil(work)),
      model,
      request: { ...request, parameters },
      billTo: accountId,
      grantSecret: this.env.GRANT_SECRET,
      ...(after === null ? {} : { after }),
      claimAttempt: async (attempt, deliveredUnits) => {
        const position = store.readPosition() ?? BEGINNING;
        store.keepPosition({ ...position, attempt });
        return await accounts.dispatch(accountId, id, attempt, deliveredUnits);
      },
      waitMs: parameters.deadline_ms ?? Number(this.env.NODE_WAIT_MS),
      ...parts,
    });
  }

  /** @param begin What whoever still waits for the first event is told. */
  #end({ feed, begun, ended }: Live, begin: Begin): void {
    clearTimeout(this.#graceTimer);
    void this.ctx.storage.setAlarm(Date.now() + Number(this.env.GENERATION_RETENTION_MS));
    begun.resolve(begin);
    ended.resolve();
    feed.wake();
  }

  #take(live: Live, event: NodeEvent): void {
    const { store, log, feed } = live;
    if (event.type === "comment") {
      // It may wait for a node for long: whoever reads is told that somebody is there.
      live.begun.resolve(toBegun(live));
      feed.comment(event.text);
      return;
    }
    const { frame } = event;
    if (frame.type === "done") return;
    const told = log.progress(frame);
    if (told === null) return;
    this.ctx.storage.transactionSync(() => {
      store.append(told);
      if (frame.type === "step") keepStep(store, frame);
    });
    live.begun.resolve(toBegun(live));
    feed.wake();
  }

  /** Stops what nobody has listened to for a while. */
  #countDown(): void {
    const live = this.#live;
    if (live === null || live.log.isEnded || live.store.order.isBackground) return;
    clearTimeout(this.#graceTimer);
    this.#graceTimer = setTimeout(() => {
      if (!live.feed.hasReaders) live.run?.stop();
    }, Number(this.env.READER_GRACE_MS));
  }

  #report(error: ApiError, thrown: unknown = error): void {
    const requestId = this.#live?.store.order.id ?? "";
    this.#platform.reportFault({ requestId, error, thrown });
  }
}

/** What a step leaves for whoever goes on from it. */
function keepStep(store: GenerationStore, frame: Extract<NodeFrame, { type: "step" }>): void {
  store.keepPosition({
    ...(store.readPosition() ?? BEGINNING),
    weightsDigest: store.order.model.weights_digest,
    state: frame.state ?? null,
    steps: frame.step,
    stepUnits: frame.step_units,
    forwardPasses: frame.forward_passes,
  });
}

function toBegun({ store }: Live): Begin {
  const { createdAt, model } = store.order;
  return { createdAt, model };
}

function toRefusal({ code, message, param, retryAfterSeconds }: ApiError): BeginRefusal {
  return { code, message, param, retryAfterSeconds };
}
