/** When requests come. All draws are from the generator that is passed in. */

/**
 * Requests one by one, each independent of the others, at a rate that changes.
 *
 * @param rateAt Requests a second at a time in milliseconds; never above `maxRate`.
 * @returns Milliseconds below `durationMs`, ascending.
 */
export function drawArrivals(
  rateAt: (atMs: number) => number,
  maxRate: number,
  durationMs: number,
  random: () => number,
): number[] {
  const arrivals: number[] = [];
  let at = 0;
  for (;;) {
    at -= (Math.log(1 - random()) * 1_000) / maxRate;
    if (at >= durationMs) return arrivals;
    if (random() * maxRate < rateAt(at)) arrivals.push(at);
  }
}

/** A rate that is `burstFactor` times the rest for `burstMs` of every `periodMs`; `meanRate` over all. */
export function burstyRate(
  meanRate: number,
  { periodMs, burstMs, burstFactor }: Burst,
): (atMs: number) => number {
  const quiet = (meanRate * periodMs) / (periodMs - burstMs + burstMs * burstFactor);
  return (atMs) => (atMs % periodMs < burstMs ? burstFactor : 1) * quiet;
}

export interface Burst {
  readonly periodMs: number;
  readonly burstMs: number;
  readonly burstFactor: number;
}

/**
 * A day: from nothing at night to `peakRate` once, as half a wave that is cut off below.
 *
 * @param dayMs Of one day; a quarter of it is without any request.
 */
export function dailyRate(peakRate: number, dayMs: number): (atMs: number) => number {
  return (atMs) => {
    const wave = -Math.cos((2 * Math.PI * atMs) / dayMs);
    const floor = -Math.cos(Math.PI / 4);
    return peakRate * Math.max(0, (wave - floor) / (1 - floor));
  };
}
