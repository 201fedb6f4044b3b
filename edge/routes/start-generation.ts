/**
 * What every generating route does first: names the generation, holds its price and gets a node to
 * begin it.
 *
 * Owns: the generation's id, the order of hold and dispatch, what is given back when no node begins.
 * Does not own: which node (edge/pool), who may (edge/accounts), the rest of its life
 * (running-generation.ts).
 * Walk: steps 4 to 6.
 */
import { createId } from "#shared/contracts/base62.ts";
import { toApiError } from "#shared/contracts/error-body.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type { GenerationParameters, NodeInput, NodeModel } from "#shared/contracts/node-wire.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { Tab } from "../billing/tab.ts";
import type { AppContext } from "../environment.ts";
import { openTab } from "../generations/open-tab.ts";
import { openAccounts } from "../open-accounts.ts";
import { toRemainingTime } from "../pool/remaining-time.ts";
import { type GenerationWish, holdPriceInTurn } from "./hold-price.ts";
import { poolOf } from "./pool-of.ts";
import { readClaim } from "./read-claim.ts";
import { replay } from "./replay.ts";
import { type RunningGeneration, watchGeneration } from "./running-generation.ts";

/**
 * Starts a generation, or gives a kept answer again; it bears its id in `x-generation-id`, and the
 * account's limits.
 *
 * @throws {ApiError} what `NodePool.findModel`, `AccountClient.admit` and `NodePool.open` throw.
 */
export async function startGeneration(
  context: AppContext,
  wish: GenerationWish,
): Promise<RunningGeneration> {
  const platform = context.get("platform");
  const presentedKey = context.get("presentedKey");
  const createdAt = platform.now();
  const id = createId("gen", createdAt, platform.randomBytes);
  context.header("x-generation-id", id);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const end = (lastWork: Promise<void>) => resolve(lastWork.catch(reportLate(context)));
  // From the beginning: what is added once the client has left may no longer be waited for.
  context.executionCtx.waitUntil(ended);
  try {
    const claim = readClaim(context.req.raw.headers, context.req.path, wish.body);
    const { model, tier, parameters, earlier } = await holdPriceInTurn(context, id, wish, claim);
    if (earlier?.kind === "answered") {
      const kept = earlier.answer;
      end(Promise.resolve());
      context.header("x-generation-id", kept.generationId);
      context.header("idempotent-replayed", "true");
      return replay(kept);
    }
    const accounts = openAccounts(context.env);
    const { accountId } = presentedKey;
    const held = { id, accountId, createdAt, model, tier, isKept: claim !== null };
    const tab = openTab(accounts, held);
    const { input } = wish;
    return await openOnNode(context, { id, createdAt, input, tier, parameters, model, tab, end });
  } catch (error) {
    end(Promise.resolve());
    throw error;
  }
}

interface OpenOrder {
  readonly id: string;
  readonly createdAt: number;
  readonly input: NodeInput;
  readonly tier: Tier;
  readonly parameters: GenerationParameters;
  readonly model: NodeModel;
  readonly tab: Tab;
  readonly end: (lastWork: Promise<void>) => void;
}

async function openOnNode(
  context: AppContext,
  { id, createdAt, input, tier, parameters, model, tab, end }: OpenOrder,
): Promise<RunningGeneration> {
  const clientSignal = context.get("clientSignal");
  const platform = context.get("platform");
  const { accountId } = context.get("presentedKey");
  const startedAt = platform.now();
  const accounts = openAccounts(context.env);
  try {
    const generation = await platform.nodes.open({
      pool: poolOf(context),
      model,
      request: {
        request_id: id,
        tier,
        detail: "text",
        input,
        parameters: toRemainingTime(parameters, startedAt - createdAt),
      },
      billTo: accountId,
      grantSecret: context.env.GRANT_SECRET,
      claimAttempt: (attempt, deliveredUnits) =>
        accounts.dispatch(accountId, id, attempt, deliveredUnits),
      waitMs: parameters.deadline_ms ?? Number(context.env.NODE_WAIT_MS),
      signal: clientSignal,
      onFailureReceipt: (receipt) => void tab.settle(receipt, null),
    });
    context.get("spans").push({ name: "first-frame", durationMs: platform.now() - startedAt });
    return watchGeneration({ id, createdAt, tier, generation, tab, clientSignal, end });
  } catch (error) {
    // A node that began for a client that then left may have run a step meanwhile.
    await tab.close(error instanceof ApiError && error.code === "cancelled");
    throw error;
  }
}

/** What fails after the answer is nobody's answer: it is reported, and the alarm settles the hold. */
function reportLate(context: AppContext): (thrown: unknown) => void {
  const { platform, requestId } = context.var;
  return (thrown) => platform.reportFault({ requestId, error: toApiError(thrown), thrown });
}
