/** Which node gets a request: pure, so that every choice can be replayed. */
import { NODE_HEARTBEAT_INTERVAL_MS } from "#shared/contracts/pool.ts";
import { type NodeLoad, predictCompletion, type RunDemand } from "./predict-completion.ts";

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
 * Of two nodes drawn at random the one that would be done first, by {@link predictCompletion}; equal
 * ones go to the first drawn. Two are enough: many edges that all choose the best of an old view would
 * all choose the same one.
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
  const firstIndex = Math.floor(random() * roomy.length);
  const first = roomy[firstIndex];
  if (first === undefined || roomy.length === 1) return first ?? null;
  const rest = roomy.filter((_, index) => index !== firstIndex);
  const second = rest[Math.floor(random() * rest.length)] ?? first;
  const unknownStepMs = typicalStepMs([first, second]);
  const predict = (candidate: Candidate) => predictCompletion(candidate, demand, unknownStepMs);
  return predict(second) < predict(first) ? second : first;
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
function typicalStepMs(loads: readonly NodeLoad[]): number {
  const measured = loads.map(({ node }) => node.step_ms).filter((stepMs) => stepMs > 0);
  const sum = measured.reduce((total, stepMs) => total + stepMs, 0);
  return measured.length === 0 ? 1 : sum / measured.length;
}
