/**
 * How KEDA and Kubernetes follow the wish for nodes: up by a few at a time, down by one after a while,
 * to zero after longer (deploy/kubernetes/overlays/scale-to-zero/scaler.yaml).
 */
import {
  SCALE_DOWN_PERIOD_MS,
  SCALE_DOWN_STABILISATION_MS,
  SCALE_TO_ZERO_MS,
  SCALE_UP_NODES,
  SCALE_UP_PERIOD_MS,
} from "./parameters.ts";

export class ReplicaCount {
  #wishes: { readonly at: number; readonly nodes: number }[] = [];
  #additions: { readonly at: number; readonly nodes: number }[] = [];
  #removedAt = Number.NEGATIVE_INFINITY;
  #activeAt = Number.NEGATIVE_INFINITY;

  /** Nodes that there are to be, of `current` ones, given what is wished for. */
  follow(wished: number, current: number, nowMs: number): number {
    if (wished > 0) this.#activeAt = nowMs;
    const since = nowMs - SCALE_DOWN_STABILISATION_MS;
    this.#wishes = [...this.#wishes.filter(({ at }) => at > since), { at: nowMs, nodes: wished }];
    this.#additions = this.#additions.filter(({ at }) => at > nowMs - SCALE_UP_PERIOD_MS);
    if (wished > current) return this.#rise(wished, current, nowMs);
    const highest = Math.max(...this.#wishes.map(({ nodes }) => nodes));
    return highest < current ? this.#fall(highest, current, nowMs) : current;
  }

  #rise(wished: number, current: number, nowMs: number): number {
    const added = this.#additions.reduce((sum, { nodes }) => sum + nodes, 0);
    const nodes = Math.min(wished - current, SCALE_UP_NODES - added);
    if (nodes <= 0) return current;
    this.#additions.push({ at: nowMs, nodes });
    return current + nodes;
  }

  #fall(highest: number, current: number, nowMs: number): number {
    const isLast = current === 1;
    if (isLast && (highest > 0 || nowMs - this.#activeAt < SCALE_TO_ZERO_MS)) return current;
    if (nowMs - this.#removedAt < SCALE_DOWN_PERIOD_MS) return current;
    this.#removedAt = nowMs;
    return current - 1;
  }
}
