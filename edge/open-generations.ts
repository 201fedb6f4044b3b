import type { Bindings } from "./environment.ts";
import type { GenerationHost } from "./generations/generation-host.ts";

/** A generation's object, from the edge. */
type GenerationStub = DurableObjectStub<GenerationHost>;

/**
 * The object of an account's generation. Another account's key names another object, in which there is
 * nothing: nobody reads what is not theirs.
 */
export function openGeneration(
  { GENERATIONS }: Bindings,
  accountId: string,
  id: string,
): GenerationStub {
  return GENERATIONS.getByName(`${accountId}/${id}`);
}
