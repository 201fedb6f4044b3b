/**
 * A generation that an object runs, so that it can be read again, joined, looked up and cancelled: every
 * native one, and those that bear an idempotency key.
 *
 * Owns: the order of hold and start, joining one that runs. Does not own: its life (edge/generations).
 * Walk: steps 4 to 6.
 */
import { createId } from "#shared/contracts/base62.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type { TemplatePart } from "#shared/contracts/template.ts";
import type { KeptAnswer } from "../accounts/claims.ts";
import type { AppContext } from "../environment.ts";
import type { BeginRefusal } from "../generations/generation-host.ts";
import { relayEvents } from "../generations/read-events.ts";
import { openAccounts } from "../open-accounts.ts";
import { openGeneration } from "../open-generations.ts";
import { type GenerationWish, holdPrice, inProgress } from "./hold-price.ts";
import { readClaim } from "./read-claim.ts";
import type { RunningGeneration } from "./running-generation.ts";

/** What is asked of an object beside a wish. */
export interface HostingWish extends GenerationWish {
  /** Null where there is none. */
  readonly template: readonly TemplatePart[] | null;
  readonly isBackground: boolean;
}

/** What an answer tells beside its text. */
type GenerationHead = Pick<RunningGeneration, "model" | "createdAt">;

/** A generation in its object, or the answer that is all that is left of it. */
export type HostedGeneration =
  | ({ readonly kind: "open"; readonly id: string } & GenerationHead)
  | { readonly kind: "kept"; readonly id: string; readonly answer: KeptAnswer };

/**
 * Holds the price and has an object begin; joins the request of the same idempotency key that runs.
 *
 * @throws {ApiError} what `holdPrice` throws, and what the node says before it begins;
 *   `idempotency_in_progress` if the other request is about to begin.
 */
export async function hostGeneration(
  context: AppContext,
  wish: HostingWish,
): Promise<HostedGeneration> {
  const { platform, presentedKey } = context.var;
  const { accountId } = presentedKey;
  const createdAt = platform.now();
  const id = createId("gen", createdAt, platform.randomBytes);
  const claim = readClaim(context.req.raw.headers, context.req.path, wish.body);
  const held = await holdPrice(context, id, wish, claim);
  if (held.earlier !== null) return await join(context, held.earlier);
  context.header("x-generation-id", id);
  const { model, tier, parameters, unitPrice } = held;
  const { template, isBackground, input } = wish;
  const begin = await openGeneration(context.env, accountId, id)
    .start({
      id,
      accountId,
      createdAt,
      model,
      tier,
      isKept: claim !== null,
      unitPrice,
      template,
      isBackground,
      request: { request_id: id, tier, detail: "canvas", input, parameters },
    })
    .catch(async (error: unknown) => {
      // It may have begun, and then has told its account so.
      await openAccounts(context.env).expire(accountId, id);
      throw error;
    });
  if ("refusal" in begin) throw toError(begin.refusal);
  return { kind: "open", id, ...begin };
}

/**
 * The stream of a generation's events from behind a number.
 *
 * @throws {ApiError} `not_found` when there are none any more.
 */
export async function openEvents(
  context: AppContext,
  accountId: string,
  id: string,
  after: number,
): Promise<ReadableStream<Uint8Array>> {
  const stream = await openGeneration(context.env, accountId, id).openEvents(after);
  if (stream === null) throw generationNotFound();
  return stream;
}

/** Says that the account has no such generation, or not any more. */
export function generationNotFound(): ApiError {
  return new ApiError("not_found", "There is no such generation, or it is no longer kept.");
}

/** A hosted generation in the form that OpenAI's words are made of. */
export async function relayHosted(
  context: AppContext,
  { id, model, createdAt }: Extract<HostedGeneration, { kind: "open" }>,
): Promise<RunningGeneration> {
  const { presentedKey, clientSignal } = context.var;
  const stream = await openEvents(context, presentedKey.accountId, id, 0);
  const events = relayEvents(stream);
  let isAbandoned = false;
  const leave = () => {
    clientSignal.removeEventListener("abort", abandon);
    context.executionCtx.waitUntil(Promise.allSettled([events.return()]));
  };
  const abandon = () => {
    isAbandoned = true;
    leave();
  };
  clientSignal.addEventListener("abort", abandon);
  return { id, model, createdAt, events, finish: leave, abandon, isAbandoned: () => isAbandoned };
}

async function join(
  context: AppContext,
  earlier: NonNullable<Awaited<ReturnType<typeof holdPrice>>["earlier"]>,
): Promise<HostedGeneration> {
  context.header("idempotent-replayed", "true");
  if (earlier.kind === "answered") {
    const id = earlier.answer.generationId;
    context.header("x-generation-id", id);
    return { kind: "kept", id, answer: earlier.answer };
  }
  const id = earlier.requestId;
  const generation = openGeneration(context.env, context.var.presentedKey.accountId, id);
  const begin = await generation.awaitBegin();
  if (begin === null) throw inProgress();
  context.header("x-generation-id", id);
  if ("refusal" in begin) throw toError(begin.refusal);
  return { kind: "open", id, ...begin };
}

function toError({ code, message, param, retryAfterSeconds }: BeginRefusal): ApiError {
  const wait = retryAfterSeconds === null ? {} : { retryAfterSeconds };
  return new ApiError(code, message, { param, ...wait });
}
