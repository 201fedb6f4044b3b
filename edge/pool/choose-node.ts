/** Which node gets a request: pure, so that every choice can be replayed. */
import { NODE_HEARTBEAT_INTERVAL_MS } from "#shared/contracts/pool.ts";
import {
  measureColumnMs,
  type NodeLoad,
  predictCompletion,
  type RunDemand,
} from "./predict-completion.ts";

/** What a choice goes by beside the nodes. */
export interface NodeChoice {
  readonly demand: RunDemand;
  /** Base URLs of nodes that are not to be chosen. */
  readonly excludedUrls: ReadonlySet<string>;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** Draws from [0, 1). */
  readonly random: () => number;
}

/** A heartbeat is late after so long: one interval, and the age of the edge's own view. */
const LATE_MS = 2.5 * NODE_HEARTBEAT_INTERVAL_MS;

/**
 * Nodes that are drawn for a choice: four, where the usual "power of two choices" draws two. Many edges that
 * all choose the best of an old view all choose the same one, and two are too few to find a free one. In the
 * simulation of deploy/README.md, 40 edges before 40 nodes have a mean completion of 2.6 s with two, 2.5 with
 * four, 2.7 with eight and 5.2 with all; with four it is within 14 % of the best number's, before 16 and 40
 * nodes, with 1 to 40 edges.
 */
const DRAWN_COUNT = 4;

/**
 * Of four nodes drawn at random the one that would be done first, by {@link predictCompletion}; of equal
 * ones the first drawn.
 *
 * Nodes that have no room for another request, or whose heartbeat is late, are drawn only where there
 * are no others.
 *
 * @param candidates Nodes that serve what is asked for and take work.
 * @returns `null` if all of them are excluded.
 */
export function chooseNode<Candidate extends NodeLoad>(
  candidates: readonly Candidate[],
  { demand, excludedUrls, nowMs, random }: NodeChoice,
): Candidate | null {
  const left = candidates.filter(({ node }) => !excludedUrls.has(node.url));
  const prompt = prefer(left, ({ node }) => nowMs - node.heardAt < LATE_MS);
  const roomy = prefer(prompt, hasRoom);
  const drawn = draw(roomy, random);
  const unknownColumnMs = typicalColumnMs(drawn);
  let chosen: Candidate | null = null;
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const candidate of drawn) {
    const completionMs = predictCompletion(candidate, demand, unknownColumnMs);
    if (completionMs < earliestMs) {
      chosen = candidate;
      earliestMs = completionMs;
    }
  }
  return chosen;
}

/** Distinct ones, in the order in which they are drawn. */
function draw<Item>(items: readonly Item[], random: () => number): Item[] {
  const left = [...items];
  const drawn: Item[] = [];
  while (drawn.length < DRAWN_COUNT && left.length > 0) {
    const index = Math.floor(random() * left.length);
    const last = left.pop();
    const item = left[index] ?? last;
    if (item === undefined || last === undefined) break;
    if (index < left.length) left[index] = last;
    drawn.push(item);
  }
  return drawn;
}

function prefer<Item>(items: readonly Item[], isGood: (item: Item) => boolean): readonly Item[] {
  const good = items.filter(isGood);
  return good.length > 0 ? good : items;
}

function hasRoom({ node, unseenCount }: NodeLoad): boolean {
  const count = node.running_count + node.waiting_count + unseenCount;
  return count < node.max_batch_rows + node.max_queue;
}

/** A node that has measured nothing is taken to be as fast as the others. */
function typicalColumnMs(loads: readonly NodeLoad[]): number {
  const measured = loads
    .map(({ node }) => measureColumnMs(node))
    .filter((columnMs) => columnMs !== null);
  const sum = measured.reduce((total, columnMs) => total + columnMs, 0);
  return measured.length === 0 ? 1 : sum / measured.length;
}
