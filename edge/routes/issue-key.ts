import { type KeyScope, keyEnvironmentSchema } from "#shared/contracts/accounts.ts";
import type { KeyBounds, NewKeyRecord, SuccessorKey } from "../accounts/account-store.ts";
import { createApiKey } from "../accounts/api-key.ts";
import type { AppContext } from "../environment.ts";

/** What a key shall be. */
export interface KeyWish extends KeyBounds {
  readonly name: string | null;
  readonly scope: KeyScope;
}

/** Makes a key and the record that its account shall keep; nothing is kept yet. */
export async function issueKey(
  context: AppContext,
  accountId: string,
  wish: KeyWish,
): Promise<{ key: string; record: NewKeyRecord }> {
  const { key, successor } = await issueSuccessor(context, accountId);
  return { key, record: { ...wish, ...successor, revokedAt: null } };
}

/** Makes a key that takes all else from the one it follows. */
export async function issueSuccessor(
  context: AppContext,
  accountId: string,
): Promise<{ key: string; successor: SuccessorKey }> {
  const { now, randomBytes } = context.var.platform;
  const { key, keyId, secretHash, lastFour } = await createApiKey({
    environment: keyEnvironmentSchema.parse(context.env.KEY_ENVIRONMENT),
    accountId,
    tagSecret: context.env.KEY_TAG_SECRET,
    randomBytes,
  });
  return { key, successor: { keyId, secretHash, lastFour, createdAt: now() } };
}
