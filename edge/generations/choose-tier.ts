/** Which tier `auto` is. Pure. */
import type { GenerationParameters, NodeModel } from "#shared/contracts/node-wire.ts";
import { boundSteps } from "#shared/contracts/prices.ts";
import { type Tier, tierSchema } from "#shared/contracts/tier-names.ts";

/** Share of a deadline that the steps may take, in [0, 1]: the way there and the queue take some. */
const STEPS_SHARE = 0.8;
const FASTEST: Tier = "draft";

/**
 * The last tier of the table whose steps, all of them, fit the deadline by the measured step time; the
 * first one where none does, or nothing was measured: its steps commit more where they must.
 *
 * @param toParameters How the request is written in a tier.
 */
export function chooseTier(
  toParameters: (tier: Tier) => GenerationParameters,
  { step_ms: stepMs }: Pick<NodeModel, "step_ms">,
): Tier {
  if (stepMs === undefined) return FASTEST;
  const fitting = tierSchema.options.filter((tier) => {
    const parameters = toParameters(tier);
    const { deadline_ms: deadlineMs = 0 } = parameters;
    return boundSteps(parameters) * stepMs <= deadlineMs * STEPS_SHARE;
  });
  return fitting.at(-1) ?? FASTEST;
}
