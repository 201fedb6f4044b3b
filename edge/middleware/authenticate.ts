/**
 * Who is calling, and may they.
 *
 * Checks cheapest first, all before the body is read: the key's place and form, its checksum, its
 * keyed tag, and only then its account. A forged key costs no storage read.
 * Walk: step 2.
 */
import type { KeyScope } from "#shared/contracts/accounts.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import { isSameSecret } from "../accounts/api-key.ts";
import type { RecognizedKey } from "../accounts/known-keys.ts";
import type { AppContext, AppMiddleware } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";
import { readPresentedKey } from "./presented-key.ts";

/**
 * Lets live keys of one of `scopes` pass and sets `caller`.
 *
 * @throws {ApiError} `missing_api_key`, `invalid_api_key`, `scope_not_allowed`.
 */
export function authenticate(...scopes: KeyScope[]): AppMiddleware {
  return async function authenticate(context, next) {
    const startedAt = context.var.platform.now();
    const presented = readPresentedKey(context.req.raw.headers, context.req.url);
    const key = await recognizeKey(presented, context);
    context.set("caller", await openAccounts(context.env).authorizeKey(key, scopes));
    const durationMs = context.var.platform.now() - startedAt;
    context.var.spans.push({ name: "authorize", durationMs });
    await next();
  };
}

/**
 * Lets keys pass that this edge has issued and sets `presentedKey`. Whether it is live is asked with
 * the hold for the request: one call to the account for both.
 *
 * @throws {ApiError} `missing_api_key`, `invalid_api_key`.
 */
export function recognize(): AppMiddleware {
  return async function recognize(context, next) {
    const presented = readPresentedKey(context.req.raw.headers, context.req.url);
    context.set("presentedKey", await recognizeKey(presented, context));
    await next();
  };
}

/**
 * Lets the operator pass, who holds `OPERATOR_SECRET`.
 *
 * @throws {ApiError} `missing_api_key`, `invalid_api_key`.
 */
export function authenticateOperator(): AppMiddleware {
  return async function authenticateOperator(context, next) {
    const presented = readPresentedKey(context.req.raw.headers, context.req.url);
    if (!(await isSameSecret(presented, context.env.OPERATOR_SECRET))) throw notRecognized();
    await next();
  };
}

/**
 * Lets whoever starts nodes pass: by `SCALING_SECRET`, which allows nothing else, or as the operator.
 *
 * @throws {ApiError} `missing_api_key`, `invalid_api_key`.
 */
export function authenticateScaler(): AppMiddleware {
  return async function authenticateScaler(context, next) {
    const presented = readPresentedKey(context.req.raw.headers, context.req.url);
    const { OPERATOR_SECRET, SCALING_SECRET } = context.env;
    const isScaler =
      Boolean(SCALING_SECRET) && (await isSameSecret(presented, SCALING_SECRET ?? ""));
    if (!isScaler && !(await isSameSecret(presented, OPERATOR_SECRET))) throw notRecognized();
    await next();
  };
}

async function recognizeKey(presented: string, context: AppContext): Promise<RecognizedKey> {
  const { KEY_ENVIRONMENT, KEY_TAG_SECRET } = context.env;
  const key = await context.get("platform").keys.recognize(presented, KEY_TAG_SECRET);
  if (key?.environment !== KEY_ENVIRONMENT) throw notRecognized();
  return key;
}

function notRecognized(): ApiError {
  return new ApiError(
    "invalid_api_key",
    "The API key is not one of ours; check for typing errors.",
  );
}
