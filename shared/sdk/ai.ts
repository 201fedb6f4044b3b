/**
 * A provider for the `ai` package: Unmask's models by `createUnmask(…)("default")`.
 *
 * Owns: the names and what every call bears. Does not own: the protocol, which is OpenAI's and which
 * `@ai-sdk/openai-compatible`, an optional peer, speaks.
 */
import { createOpenAICompatible, type OpenAICompatibleProvider } from "@ai-sdk/openai-compatible";

/** Where the API is, and who asks. */
export interface UnmaskProviderOptions {
  /** `unm_…` */
  readonly apiKey: string;
  /** Ends with `/v1`. */
  readonly baseUrl: string;
  /** In place of the runtime's own. */
  readonly fetch?: typeof fetch;
}

/**
 * Models of one deployment. A call's `providerOptions: { unmask: { tier: "fast" } }` holds the API's own
 * fields.
 */
export function createUnmask({
  apiKey,
  baseUrl,
  fetch,
}: UnmaskProviderOptions): OpenAICompatibleProvider<string, string, string, string> {
  return createOpenAICompatible({
    name: "unmask",
    baseURL: baseUrl,
    apiKey,
    includeUsage: true,
    ...(fetch && { fetch }),
  });
}
