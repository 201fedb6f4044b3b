import type { JSX } from "preact";
import type { UsageReport } from "../../../shared/sdk/account-types.ts";
import { toDollars } from "../money.ts";
import { TIERS } from "../playground/request.ts";

type Line = UsageReport["data"][number];

const WIDTH = 720;
const HEIGHT = 160;
const GAP = 2;
const DAY_MS = 86_400_000;

/** Cost by day, a bar each, its tiers stacked. The table below it says the same in words. */
export function SpendChart({
  lines,
  days,
}: {
  readonly lines: readonly Line[];
  readonly days: number;
}): JSX.Element {
  const dates = lastDates(days, Date.now());
  const sums = new Map(dates.map((date) => [date, 0]));
  for (const { date, cost } of lines) sums.set(date, (sums.get(date) ?? 0) + cost);
  const highest = Math.max(0, ...sums.values());
  const most = Math.max(1, highest);
  const barWidth = WIDTH / days;
  return (
    <figure class="chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`Cost by day, at most ${toDollars(highest)}`}
      >
        {dates.flatMap((date, day) =>
          stack(lines, date, most).map(({ tier, y, height, cost }) => (
            <rect
              key={`${date} ${tier}`}
              class={`tier-${tier}`}
              x={day * barWidth}
              width={Math.max(1, barWidth - GAP)}
              y={y}
              height={height}
            >
              <title>{`${date}, ${tier}: ${toDollars(cost)}`}</title>
            </rect>
          )),
        )}
        <line x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      </svg>
      <figcaption>
        {dates[0]} to {dates.at(-1)}, a bar a day, the highest {toDollars(highest)}.{" "}
        {TIERS.map((tier) => (
          <span key={tier} class="legend">
            <i class={`tier-${tier}`} /> {tier}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function lastDates(days: number, nowMs: number): string[] {
  return Array.from({ length: days }, (_, index) =>
    new Date(nowMs - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10),
  );
}

function stack(lines: readonly Line[], date: string, most: number) {
  let top = HEIGHT;
  return TIERS.flatMap((tier) => {
    const ofTier = lines.filter((line) => line.date === date && line.tier === tier);
    const cost = ofTier.reduce((sum, line) => sum + line.cost, 0);
    if (cost === 0) return [];
    const height = (cost / most) * HEIGHT;
    top -= height;
    return [{ tier, cost, y: top, height }];
  });
}
