import { toUsage } from "#shared/contracts/openai-answers.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { AccountClient } from "../accounts/account-client.ts";
import type { AnsweringModel } from "../accounts/claims.ts";
import { Tab } from "../billing/tab.ts";

/** A generation whose price is held. */
export interface HeldGeneration {
  /** `gen_…` */
  readonly id: string;
  readonly accountId: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly model: AnsweringModel;
  readonly tier: Tier;
  /** True if its answer is to be kept, for whoever sends the same request again. */
  readonly isKept: boolean;
}

/** The open bill of a generation, with its account. */
export function openTab(accounts: AccountClient, generation: HeldGeneration): Tab {
  const { id, accountId, createdAt, model, tier, isKept } = generation;
  return new Tab({
    settle: (receipt, answer) => {
      const notice = { stepUnits: receipt.step_units, cameBy: "stream" as const };
      if (!isKept || answer === null) return accounts.settle(accountId, id, notice, null);
      const { hastenedSteps, ...kept } = answer;
      // The account fills the bill in.
      const usage = toUsage(receipt, { tier, hastenedSteps }, { cost: 0, refunded: 0 });
      const keep = { generationId: id, createdAt, model, usage, ...kept };
      return accounts.settle(accountId, id, notice, keep);
    },
    release: () => accounts.release(accountId, id),
    expire: () => accounts.expire(accountId, id),
  });
}
