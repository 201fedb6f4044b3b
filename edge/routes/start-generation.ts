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
import { toUsage } from "#shared/contracts/openai-answers.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { toRefusalError } from "../accounts/account-client.ts";
import { hashSecret } from "../accounts/api-key.ts";
import type { Claim, KeptAnswer } from "../accounts/claims.ts";
import { quoteGeneration } from "../billing/quote.ts";
import { Tab } from "../billing/tab.ts";
import type { AppContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";
import { toLimitHeaders } from "./limit-headers.ts";
import { readNodeUrls } from "./node-urls.ts";
import { readClaim } from "./read-claim.ts";
import { replay } from "./replay.ts";
import { type RunningGeneration, watchGeneration } from "./running-generation.ts";

/** What a client wants generated. */
export interface GenerationWish {
  /** As the client named it; none and `default` mean whatever is served. */
  readonly model: string | null | undefined;
  readonly tier: Tier;
  readonly input: NodeInput;
  readonly parameters: GenerationParameters;
  /** The whole request as it was checked. */
  readonly body: unknown;
}

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
  const { platform, presentedKey } = context.var;
  const createdAt = platform.now();
  const id = createId("gen", createdAt, platform.randomBytes);
  context.header("x-generation-id", id);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const end = (lastWork: Promise<void>) => resolve(lastWork.catch(reportLate(context)));
  // From the beginning: what is added once the client has left may no longer be waited for.
  context.executionCtx.waitUntil(ended);
  try {
    const claim = readClaim(context.req.raw.headers, context.req.path, wish.body);
    const { model, kept } = await holdPrice(context, id, { ...wish, claim });
    if (kept !== null) {
      end(Promise.resolve());
      context.header("x-generation-id", kept.generationId);
      context.header("idempotent-replayed", "true");
      return replay(kept);
    }
    const accounts = openAccounts(context.env);
    const { accountId } = presentedKey;
    const tab = new Tab({
      settle: (receipt, answer) => {
        const notice = { stepUnits: receipt.step_units, cameBy: "stream" as const };
        const isKept = claim !== null && answer !== null;
        // The account fills the bill in.
        const usage = toUsage(receipt, { cost: 0, refunded: 0 });
        const keep = isKept ? { generationId: id, createdAt, model, usage, ...answer } : null;
        return accounts.settle(accountId, id, notice, keep);
      },
      release: () => accounts.release(accountId, id),
      expire: () => accounts.expire(accountId, id),
    });
    return await openOnNode(context, { id, createdAt, wish, model, tab, end });
  } catch (error) {
    end(Promise.resolve());
    throw error;
  }
}

interface Held {
  /** What will run it. */
  readonly model: NodeModel;
  /** The answer that its idempotency key already had. */
  readonly kept: KeptAnswer | null;
}

/** Holds the most that the generation can cost, on the model that will run it. */
async function holdPrice(
  context: AppContext,
  id: string,
  wish: GenerationWish & { claim: Claim | null },
): Promise<Held> {
  const { platform, presentedKey: key, bodyBytes } = context.var;
  const accounts = openAccounts(context.env);
  const startedAt = platform.now();
  const name = wish.model === "default" ? null : (wish.model ?? null);
  const model = await platform.nodes
    .findModel(readNodeUrls(context.env), name)
    .catch(async (error: unknown) => {
      // Which models there are is told to live keys only.
      await accounts.authorizeKey(key, ["inference"]);
      throw error;
    });
  const quote = quoteGeneration({ ...wish, maxLength: model.max_length });
  const presented = { keyId: key.keyId, secretHash: await hashSecret(key.secret) };
  const admission = await accounts.admit(key.accountId, {
    presented: { ...presented, scopes: ["inference"] },
    requestId: id,
    model: model.id,
    tier: wish.tier,
    maxStepUnits: quote.maxStepUnits,
    listPrice: quote.listPrice,
    bodyBytes,
    promptCharacters: countCharacters(wish.input),
    claim: wish.claim,
  });
  if (admission.limits !== null) {
    for (const [header, value] of Object.entries(toLimitHeaders(admission.limits))) {
      context.header(header, value);
    }
  }
  context.var.spans.push({ name: "admit", durationMs: platform.now() - startedAt });
  if (admission.outcome === "refused") throw toRefusalError(admission.refusal);
  return { model, kept: admission.outcome === "replayed" ? admission.answer : null };
}

interface OpenOrder {
  readonly id: string;
  readonly createdAt: number;
  readonly wish: GenerationWish;
  readonly model: NodeModel;
  readonly tab: Tab;
  readonly end: (lastWork: Promise<void>) => void;
}

async function openOnNode(
  context: AppContext,
  { id, createdAt, wish, model, tab, end }: OpenOrder,
): Promise<RunningGeneration> {
  const { clientSignal, platform, presentedKey } = context.var;
  const { accountId } = presentedKey;
  const startedAt = platform.now();
  const dispatched = openAccounts(context.env).dispatch(accountId, id);
  context.executionCtx.waitUntil(Promise.allSettled([dispatched]));
  try {
    const generation = await platform.nodes.open({
      nodeUrls: readNodeUrls(context.env),
      model: model.id,
      request: {
        request_id: id,
        tier: wish.tier,
        detail: "text",
        input: wish.input,
        parameters: wish.parameters,
      },
      billTo: accountId,
      grantSecret: context.env.GRANT_SECRET,
      signal: clientSignal,
      onFailureReceipt: (receipt) => void tab.settle(receipt, null),
    });
    context.var.spans.push({ name: "first-frame", durationMs: platform.now() - startedAt });
    return watchGeneration({ id, createdAt, generation, tab, clientSignal, end });
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

function countCharacters(input: NodeInput): number {
  if (input.type === "text") return input.text.length;
  if (input.type === "score") return countCharacters(input.prompt) + input.answers.join("").length;
  if (input.type === "template") {
    return input.segments.reduce(
      (sum, segment) => sum + (segment.type === "text" ? segment.text.length : 0),
      0,
    );
  }
  return input.messages.reduce((sum, { content }) => sum + content.length, 0);
}
