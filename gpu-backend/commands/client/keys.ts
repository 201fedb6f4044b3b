import { createKeyRequestSchema } from "#shared/contracts/accounts.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import { parseParameters } from "#shared/contracts/parse-parameters.ts";
import type { Unmask } from "#shared/sdk/unmask.ts";
import { type Command, type Flags, requireFlag } from "../command.ts";
import { CLIENT_FLAGS, openClient } from "./open-client.ts";

const ACTIONS: Readonly<Record<string, (client: Unmask, flags: Flags) => Promise<unknown>>> = {
  list: (client) => client.keys.list({ limit: 100 }),
  create: (client, flags) => client.keys.create(readCreation(flags)),
  rotate: (client, flags) => client.keys.rotate(requireFlag(flags, "id")),
  revoke: (client, flags) => client.keys.revoke(requireFlag(flags, "id")),
};

/** `unmask keys`: the account's keys. */
export const keysCommand: Command = {
  usage:
    "keys list|create|rotate|revoke [--id ID] [--name NAME] [--scope SCOPE] [--limit MICRODOLLARS] " +
    "[--concurrency-limit N] [--tiers A,B] [--expires TIME] [--url URL] [--key KEY]",
  summary:
    "Lists, makes, rotates and revokes keys, with a management key (UNMASK_MANAGEMENT_KEY). A new " +
    "key is told once.",
  examples: [
    "keys list --url http://127.0.0.1:8787 --key MANAGEMENT_KEY",
    "keys create --name app --limit 1000000 --concurrency-limit 4 --tiers draft,fast",
    "keys revoke --id key_0123",
  ],
  flags: {
    action: "required",
    id: "optional",
    name: "optional",
    scope: "optional",
    limit: "optional",
    "concurrency-limit": "optional",
    tiers: "optional",
    expires: "optional",
    ...CLIENT_FLAGS,
  },
  positionalFlag: "action",
  async run(flags) {
    const action = requireFlag(flags, "action");
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (act === undefined) {
      const names = Object.keys(ACTIONS).join(", ");
      throw new ApiError("invalid_parameter", `keys does one of ${names}.`, { param: "action" });
    }
    return await act(openClient(flags, "management"), flags);
  },
};

function readCreation(flags: Flags) {
  const { name, scope, limit, tiers, expires, "concurrency-limit": concurrencyLimit } = flags;
  return parseParameters(createKeyRequestSchema, {
    ...(name && { name }),
    ...(scope && { scope }),
    ...(limit && { spending_limit: Number(limit) }),
    ...(concurrencyLimit && { concurrency_limit: Number(concurrencyLimit) }),
    ...(tiers && { tiers: tiers.split(",") }),
    ...(expires && { expires_at: expires }),
  });
}
