/**
 * What every generating route asks first: which model and tier it will be, and whether its account
 * lets it run.
 *
 * Owns: the hold. Does not own: who may (edge/accounts), what runs then.
 * Walk: steps 4 and 5.
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { GenerationParameters, NodeInput, NodeModel } from "#shared/contracts/node-wire.ts";
import type { RequestedTier, Tier } from "#shared/contracts/tier-names.ts";
import { toRefusalError } from "../accounts/account-client.ts";
import type { EarlierRequest } from "../accounts/admission.ts";
import type { Claim } from "../accounts/claims.ts";
import { quoteGeneration } from "../billing/quote.ts";
import type { AppContext } from "../environment.ts";
import { chooseTier } from "../generations/choose-tier.ts";
import { openAccounts } from "../open-accounts.ts";
import { poolOf } from "./pool-of.ts";

/** How often a request asks whether it is its turn. */
const TURN_INTERVAL_MS = 500;

/** What a client wants generated. */
export interface GenerationWish {
  /** As the client named it; none and `default` mean whatever is served. */
  readonly model: string | null | undefined;
  readonly tier: RequestedTier;
  readonly input: NodeInput;
  /** How it is to be written in a tier. */
  readonly toParameters: (tier: Tier) => GenerationParameters;
  /** Most that it may cost, micro-dollars. */
  readonly maxPrice: number | null | undefined;
  /** The whole request as it was checked. */
  readonly body: unknown;
}

/** What may run, and at what price. */
export interface HeldPrice {
  /** What will run it. */
  readonly model: NodeModel;
  readonly tier: Tier;
  readonly parameters: GenerationParameters;
  /** Micro-dollars a step unit; 0 where nothing is held. */
  readonly unitPrice: number;
  /** The request of the same claim that came before: nothing is held then. */
  readonly earlier: EarlierRequest | null;
}

/**
 * Holds the most that the generation can cost, on the model that will run it.
 *
 * @throws {ApiError} what `NodePool.findModel` throws, and each of the account's refusals.
 */
export async function holdPrice(
  context: AppContext,
  id: string,
  wish: GenerationWish,
  claim: Claim | null,
): Promise<HeldPrice> {
  const platform = context.get("platform");
  const key = context.get("presentedKey");
  const accounts = openAccounts(context.env);
  const startedAt = platform.now();
  const name = wish.model === "default" ? null : (wish.model ?? null);
  const model = await platform.nodes
    .findModel(poolOf(context), name)
    .catch(async (error: unknown) => {
      // Which models there are is told to live keys only.
      await accounts.authorizeKey(key, ["inference"]);
      throw error;
    });
  const tier = wish.tier === "auto" ? chooseTier(wish.toParameters, model) : wish.tier;
  const parameters = wish.toParameters(tier);
  const { input } = wish;
  const quote = quoteGeneration({ tier, input, parameters, maxLength: model.max_length });
  const presented = { keyId: key.keyId, secretHash: key.secretHash };
  const admission = await accounts.admit(key.accountId, {
    presented: { ...presented, scopes: ["inference"] },
    requestId: id,
    model: model.id,
    tier,
    maxStepUnits: quote.maxStepUnits,
    listPrice: quote.listPrice,
    maxPrice: wish.maxPrice ?? null,
    bodyBytes: context.get("bodyBytes"),
    promptCharacters: countCharacters(input),
    claim,
  });
  context.get("limits").found = admission.limits;
  context.get("spans").push({ name: "admit", durationMs: platform.now() - startedAt });
  if (admission.outcome === "refused") throw toRefusalError(admission.refusal);
  return admission.outcome === "admitted"
    ? { model, tier, parameters, unitPrice: admission.unitPrice, earlier: null }
    : { model, tier, parameters, unitPrice: 0, earlier: admission.earlier };
}

/**
 * The same for a request that cannot join the one of its claim that runs: waits until that one has ended,
 * no longer than for a node. A stock SDK gives up after few tries, sooner than a generation ends.
 *
 * @throws {ApiError} what {@link holdPrice} throws; `idempotency_in_progress` if it runs on.
 */
export async function holdPriceInTurn(
  context: AppContext,
  id: string,
  wish: GenerationWish,
  claim: Claim | null,
): Promise<HeldPrice> {
  const platform = context.get("platform");
  const clientSignal = context.get("clientSignal");
  const endsAt = platform.now() + Number(context.env.NODE_WAIT_MS);
  for (;;) {
    // Of several tries the last one's time is told.
    context.get("spans").splice(0);
    const held = await holdPrice(context, id, wish, claim);
    if (held.earlier?.kind !== "running") return held;
    if (platform.now() >= endsAt || clientSignal.aborted) throw inProgress();
    await new Promise((resolve) => setTimeout(resolve, TURN_INTERVAL_MS));
  }
}

/** Says that the request of the same claim still runs, where it cannot be joined. */
export function inProgress(): ApiError {
  return new ApiError(
    "idempotency_in_progress",
    "The request of this idempotency key still runs.",
    { retryAfterSeconds: 1 },
  );
}

function countCharacters(input: NodeInput): number {
  if (input.type === "text") return input.text.length;
  if (input.type === "score") return countCharacters(input.prompt) + input.answers.join("").length;
  if (input.type === "template") {
    return input.segments.reduce(
      (sum, segment) => sum + (segment.type === "text" ? segment.text.length : 0),
      input.prompt === undefined ? 0 : countCharacters(input.prompt),
    );
  }
  return input.messages.reduce((sum, { content }) => sum + content.length, 0);
}
