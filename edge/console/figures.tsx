import type { JSX } from "preact";

/** Named figures beside each other. */
export function Figures({
  rows,
}: {
  /** Term and value, in the order shown. */
  readonly rows: readonly (readonly [term: string, value: string | number])[];
}): JSX.Element {
  return (
    <dl class="figures">
      {rows.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
