/** How an edge chooses among the nodes that it sees: ours, and the two that it is held against. */
import { chooseNode, type NodeChoice } from "../../edge/pool/choose-node.ts";
import type { NodeLoad } from "../../edge/pool/predict-completion.ts";

/** One edge's way to choose; `null` if all candidates are excluded. */
export type Router = <Candidate extends NodeLoad>(
  candidates: readonly Candidate[],
  choice: NodeChoice,
) => Candidate | null;

/** Makes the router of one edge. */
export type CreateRouter = () => Router;

/** Nodes in turn, whatever they have to do. */
const createRoundRobin: CreateRouter = () => {
  let turn: number | null = null;
  return (candidates, { excludedUrls, random }) => {
    const left = candidates.filter(({ node }) => !excludedUrls.has(node.url));
    // Edges do not all begin with the same node.
    turn = (turn ?? Math.floor(random() * left.length)) + 1;
    return left[turn % left.length] ?? null;
  };
};

/**
 * The node with the fewest requests by the last view and what this edge has sent since: it knows what
 * ours knows. Of equal ones, any.
 */
const createLeastConnections: CreateRouter =
  () =>
  (candidates, { excludedUrls, random }) => {
    let fewest = Number.POSITIVE_INFINITY;
    let best: (typeof candidates)[number][] = [];
    for (const candidate of candidates) {
      const { node, unseenCount } = candidate;
      if (excludedUrls.has(node.url)) continue;
      const count = node.running_count + node.waiting_count + unseenCount;
      if (count < fewest) {
        fewest = count;
        best = [];
      }
      if (count === fewest) best.push(candidate);
    }
    return best[Math.floor(random() * best.length)] ?? null;
  };

/** By the names that figures bear. */
export const ROUTERS = {
  ours: () => chooseNode,
  round_robin: createRoundRobin,
  least_connections: createLeastConnections,
} as const satisfies Readonly<Record<string, CreateRouter>>;

export type RouterName = keyof typeof ROUTERS;
export const ROUTER_NAMES = Object.keys(ROUTERS) as RouterName[];
