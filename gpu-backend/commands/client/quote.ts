import type { Command } from "../command.ts";
import { REQUEST_FLAGS, REQUEST_USAGE, readGenerationRequest } from "./generation-request.ts";
import { CLIENT_FLAGS, openClient } from "./open-client.ts";

/** `unmask quote`: what a request would cost at most. */
export const quoteCommand: Command = {
  usage: `quote ${REQUEST_USAGE} [--url URL] [--key KEY]`,
  summary: "Tells the most that the request would cost, in micro-dollars, by tier. Nothing runs.",
  examples: [
    'quote "Tell me a story." --tokens 64 --url http://127.0.0.1:8787 --key KEY',
    'quote "Tell me a story." --tier draft',
  ],
  flags: { ...REQUEST_FLAGS, ...CLIENT_FLAGS },
  positionalFlag: "prompt",
  async run(flags) {
    const request = await readGenerationRequest(flags);
    return await openClient(flags, "inference").quote(request);
  },
};
