import type { Command } from "../command.ts";
import { CLIENT_FLAGS, openClient } from "./open-client.ts";

/** `unmask status`: what a deployment serves, and at what price. */
export const statusCommand: Command = {
  usage: "status [--url URL] [--key KEY]",
  summary: "Tells the models that a deployment serves and its tiers at the account's price.",
  examples: ["status --url http://127.0.0.1:8787 --key KEY"],
  flags: CLIENT_FLAGS,
  async run(flags) {
    const client = openClient(flags, "inference");
    const [models, tiers] = await Promise.all([client.models(), client.tiers()]);
    return { models, tiers };
  },
};
