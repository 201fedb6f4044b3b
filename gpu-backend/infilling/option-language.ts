import { NO_CLASS, NO_STATE, type TokenLanguage } from "./token-language.ts";

/**
 * One of several token sequences: a tree of their beginnings.
 *
 * @param options At least one, none empty.
 * @param logitCount Ids are below it.
 */
export function createOptionLanguage(
  options: readonly (readonly number[])[],
  logitCount: number,
): TokenLanguage {
  const ids = [...new Set(options.flat())];
  const classOf = new Int16Array(logitCount).fill(NO_CLASS);
  for (const [index, id] of ids.entries()) classOf[id] = index;
  const nodes: Int32Array[] = [];
  const accepting: number[] = [];
  const addNode = (): number => {
    accepting.push(0);
    return nodes.push(new Int32Array(ids.length).fill(NO_STATE)) - 1;
  };
  addNode();
  for (const option of options) {
    let state = 0;
    for (const id of option) {
      const node = nodes[state] as Int32Array;
      const tokenClass = classOf[id] as number;
      if (node[tokenClass] === NO_STATE) node[tokenClass] = addNode();
      state = node[tokenClass] as number;
    }
    accepting[state] = 1;
  }
  const transitions = new Int32Array(nodes.length * ids.length);
  for (const [state, node] of nodes.entries()) transitions.set(node, state * ids.length);
  return {
    stateCount: nodes.length,
    classCount: ids.length,
    classOf,
    transitions,
    accepting: Uint8Array.from(accepting),
  };
}
