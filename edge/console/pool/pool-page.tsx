/** Pool: nodes, queue, step time and the scaling decision, for the operator. */
import type { JSX } from "preact";

/** The page. */
export function PoolPage({ operatorSecret }: { readonly operatorSecret: string }): JSX.Element {
  return (
    <section class="panel">
      <h1>Pool</h1>
      {operatorSecret}
    </section>
  );
}
