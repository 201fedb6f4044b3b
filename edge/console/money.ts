/** In a dollar. */
export const MICRO_DOLLARS = 1_000_000;

/** Writes micro-dollars as dollars, to the last that is not zero, at least to the cent. */
export function toDollars(microDollars: number): string {
  const sign = microDollars < 0 ? "−" : "";
  const text = (Math.abs(microDollars) / MICRO_DOLLARS).toFixed(6);
  return `${sign}$${text.replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}
