/** The Durable Object of one account: its store on the network, one object per account id. */
import { DurableObject } from "cloudflare:workers";
import {
  type AccountRecord,
  AccountStore,
  type KeyRecord,
  type KeyVerdict,
  type NewKeyRecord,
  type PresentedKey,
} from "./account-store.ts";

/** One account. Every method may be called again after a lost answer: nothing happens twice. */
export class AccountObject extends DurableObject<unknown> {
  readonly #store: AccountStore;

  constructor(state: DurableObjectState, bindings: unknown) {
    super(state, bindings);
    this.#store = new AccountStore(state.storage.sql);
  }

  /** Opens the account with its first key. */
  createAccount(account: AccountRecord, firstKey: NewKeyRecord): void {
    this.ctx.storage.transactionSync(() => {
      this.#store.insertAccount(account);
      this.#store.insertKey(firstKey);
    });
  }

  /** Keeps a key that the edge has issued. */
  createKey(key: NewKeyRecord): void {
    this.#store.insertKey(key);
  }

  /** Keys oldest first, from behind `afterKeyId`. */
  listKeys(afterKeyId: string | null, limit: number): KeyRecord[] {
    return this.#store.listKeys(afterKeyId, limit);
  }

  /** Revokes a key from the next request on; `null` if there is none of that id. */
  revokeKey(keyId: string): KeyRecord | null {
    return this.#store.revokeKey(keyId, Date.now());
  }

  /** Judges a presented key now. */
  authorizeKey(presented: PresentedKey): KeyVerdict {
    return this.#store.authorizeKey(presented, Date.now());
  }
}
