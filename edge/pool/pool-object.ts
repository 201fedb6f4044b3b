/**
 * The Durable Object of the pool: its members on the network, one object for all of them.
 *
 * Nodes and waiting requests are in memory: after a restart they are heard of again within a second.
 * What models there are is written down, since from an empty pool nobody could say.
 */
import { DurableObject } from "cloudflare:workers";
import { type NodeModel, nodeModelSchema } from "#shared/contracts/node-wire.ts";
import type { NodeHeartbeat, ScalingAnswer } from "#shared/contracts/pool.ts";
import { PoolMembers, type PoolView, type WaitingRequest } from "./pool-members.ts";
import { PoolScaler } from "./pool-scaler.ts";

/** A model that no node has served for so long is not offered any more. */
const MODEL_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;
/** How often it is written down that a model is still served. */
const MODEL_REFRESH_MS = 60 * 60 * 1000;

interface KeptModel {
  readonly model: NodeModel;
  readonly heardAt: number;
}

/** The pool. Every method may be called again after a lost answer. */
export class PoolObject extends DurableObject<object> {
  readonly #members = new PoolMembers();
  readonly #scaler = new PoolScaler();
  readonly #models = new Map<string, KeptModel>();

  constructor(state: DurableObjectState, bindings: object) {
    super(state, bindings);
    const { sql } = state.storage;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS model (id TEXT PRIMARY KEY, text TEXT NOT NULL, heard_at INTEGER NOT NULL) STRICT",
    );
    for (const row of sql.exec("SELECT * FROM model ORDER BY heard_at")) {
      const model = nodeModelSchema.safeParse(JSON.parse(String(row["text"])));
      const heardAt = Number(row["heard_at"]);
      if (model.success) this.#models.set(model.data.id, { model: model.data, heardAt });
    }
  }

  /** Takes a node's word. */
  hear(heartbeat: NodeHeartbeat): void {
    const nowMs = Date.now();
    if (this.#members.hear(heartbeat, nowMs)) this.#keepModel(heartbeat.model, nowMs);
  }

  /** Who is there. */
  read(): PoolView {
    return this.#view(Date.now());
  }

  /** The same for a request that waits for a node, which counts as work to be done. */
  wait(request: WaitingRequest): PoolView {
    const nowMs = Date.now();
    this.#members.wait(request, nowMs);
    return this.#view(nowMs);
  }

  /** How many nodes there should be. */
  readScaling(): ScalingAnswer {
    const nowMs = Date.now();
    return this.#scaler.decide(this.#members.readLoad(nowMs), nowMs);
  }

  #view(nowMs: number): PoolView {
    const models = [...this.#models.values()]
      .filter(({ heardAt }) => nowMs - heardAt < MODEL_LIFETIME_MS)
      .map(({ model }) => model)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const expectedInMs = this.#members.expectNode(nowMs);
    const nodes = this.#members.listNodes(nowMs);
    return { nodes, models, ...(expectedInMs !== null && { nodeExpectedInMs: expectedInMs }) };
  }

  #keepModel(model: NodeModel, nowMs: number): void {
    const known = this.#models.get(model.id);
    const isSame = known?.model.weights_digest === model.weights_digest;
    if (isSame && nowMs - known.heardAt < MODEL_REFRESH_MS) {
      return;
    }
    this.#models.set(model.id, { model, heardAt: nowMs });
    this.ctx.storage.sql.exec(
      "INSERT OR REPLACE INTO model (id, text, heard_at) VALUES (?, ?, ?)",
      model.id,
      JSON.stringify(model),
      nowMs,
    );
  }
}
