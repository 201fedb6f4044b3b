import type { GenerationRequest, Tier } from "../../../shared/sdk/api-types.ts";
import { parseTemplate } from "../../../shared/sdk/template-text.ts";

/** The tiers, from the fewest steps to the most. */
export const TIERS: readonly Tier[] = ["draft", "fast", "balanced", "quality", "max"];

/** What the form says. */
export interface PlaygroundForm {
  readonly text: string;
  /** `message` asks the model; `text` goes on where it ends. */
  readonly kind: "message" | "text";
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
}

/** The form as a request in `tier`; text with holes is a template, whatever its kind. */
export function toRequest(form: PlaygroundForm, tier: Tier): GenerationRequest {
  const { text, kind, maxTokens, temperature, seed } = form;
  const common = { tier, ...(temperature > 0 && { temperature, seed }) };
  const template = parseTemplate(text);
  if (template !== null) return { template, ...common };
  const asked =
    kind === "message"
      ? { messages: [{ role: "user" as const, content: text }] }
      : { prompt: text };
  return { ...asked, max_tokens: maxTokens, ...common };
}
