import { useEffect, useState } from "preact/hooks";
import type { GenerationRequest, Quote } from "../../../shared/sdk/api-types.ts";
import type { Unmask } from "../../../shared/sdk/unmask.ts";

/** What each tier would cost at most, or why it cannot be told. */
export interface Quoted {
  /** Micro-dollars by tier. */
  readonly maxCosts: ReadonlyMap<string, number>;
  readonly error: unknown;
}

/** A pause in typing after which a quote is asked for. */
const PAUSE_MS = 300;
const NOTHING: Quoted = { maxCosts: new Map(), error: null };

/** Keeps a quote for `request` in every tier; asked anew when it changes. */
export function useQuote(client: Unmask | null, request: GenerationRequest | null): Quoted {
  const [quoted, setQuoted] = useState<Quoted>(NOTHING);
  const key = JSON.stringify(request);
  useEffect(() => {
    if (client === null || request === null) {
      setQuoted(NOTHING);
      return;
    }
    const abort = new AbortController();
    const ask = () =>
      client.quote({ ...request, tier: null }, { signal: abort.signal }).then(
        (quote) => setQuoted({ maxCosts: readCosts(quote), error: null }),
        (error: unknown) => {
          if (!abort.signal.aborted) setQuoted({ maxCosts: new Map(), error });
        },
      );
    const timer = setTimeout(() => void ask(), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [client, key]);
  return quoted;
}

function readCosts({ data }: Quote): Map<string, number> {
  return new Map(data.map(({ tier, max_cost: cost }) => [tier, cost]));
}
