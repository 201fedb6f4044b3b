import type { PoolAccess, PoolStub } from "../../../../edge/pool/pool-access.ts";
import { PoolMembers, type WaitingRequest } from "../../../../edge/pool/pool-members.ts";
import type { NodeModel } from "../../../../shared/contracts/node-wire.ts";
import type { NodeHeartbeat } from "../../../../shared/contracts/pool.ts";
import { createIdleHeartbeat } from "../../../support/idle-heartbeat.ts";

export function createModel(changes: Partial<NodeModel> = {}): NodeModel {
  return {
    id: "llada-test",
    max_length: 512,
    vocabulary_size: 10,
    parameter_count: 10,
    weights_digest: "ab",
    created: 1,
    ...changes,
  };
}

/** What an idle node says. */
export function createHeartbeat(url: string, changes: Partial<NodeHeartbeat> = {}): NodeHeartbeat {
  return createIdleHeartbeat(url, createModel(), changes);
}

/** A pool in this process, and what it was asked. */
export interface ScriptedPool extends PoolAccess {
  readonly members: PoolMembers;
  /** Models that are known beside those of the nodes. */
  readonly models: NodeModel[];
  /** As the object says it; `null` where it does not. */
  nodeExpectedInMs: number | null;
  readCount: number;
  readonly waiting: WaitingRequest[];
  /** What the platform was left to end. */
  readonly leftOver: Promise<unknown>[];
  /** What its object answers with in place of a view, while it is set. */
  failure: Error | null;
}

export function createScriptedPool(urls: readonly string[], now: () => number): ScriptedPool {
  const members = new PoolMembers();
  for (const url of urls) members.hear(createHeartbeat(url), now());
  const view = () => {
    const nodes = members.listNodes(now());
    const models = [...nodes.map(({ model }) => model), ...pool.models];
    const { nodeExpectedInMs } = pool;
    return { nodes, models, ...(nodeExpectedInMs !== null && { nodeExpectedInMs }) };
  };
  const stub = {
    hear: async () => undefined,
    read: async () => {
      pool.readCount += 1;
      if (pool.failure !== null) throw pool.failure;
      return view();
    },
    wait: async (request: WaitingRequest) => {
      pool.waiting.push(request);
      return view();
    },
    readScaling: () => Promise.reject(new Error("nobody asks here")),
  } satisfies PoolStub;
  const pool: ScriptedPool = {
    members,
    models: [],
    nodeExpectedInMs: null,
    readCount: 0,
    waiting: [],
    leftOver: [],
    failure: null,
    find: () => stub,
    waitUntil: (work) => void pool.leftOver.push(work),
  };
  return pool;
}
