import { useCallback, useEffect, useState } from "preact/hooks";

/** What a page asked for. */
export interface Asked<Answer> {
  /** The newest; `null` before the first. */
  readonly answer: Answer | null;
  readonly error: unknown;
  /** Asks anew. */
  again(): void;
}

/**
 * Asks when the page is opened and whenever one of `keys` changes; late answers to earlier questions are dropped.
 *
 * @param ask `null` where nothing can be asked.
 * @param keys What `ask` goes by; always as many.
 */
export function useAnswer<Answer>(
  ask: ((signal: AbortSignal) => Promise<Answer>) | null,
  keys: readonly unknown[],
): Asked<Answer> {
  const [state, setState] = useState<{ answer: Answer | null; error: unknown }>({
    answer: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (ask === null) return;
    const abort = new AbortController();
    const put = (changes: { answer?: Answer; error: unknown }) => {
      if (!abort.signal.aborted) setState((before) => ({ ...before, ...changes }));
    };
    ask(abort.signal).then(
      (answer) => put({ answer, error: null }),
      (error: unknown) => put({ error }),
    );
    return () => abort.abort();
  }, [...keys, turn]);
  return { ...state, again: useCallback(() => setTurn((count) => count + 1), []) };
}
