import { text } from "node:stream/consumers";
import { ApiError } from "#shared/contracts/errors.ts";
import { requestedTierSchema } from "#shared/contracts/tier-names.ts";
import type { GenerationRequest } from "#shared/sdk/api-types.ts";
import { parseTemplate } from "#shared/sdk/template-text.ts";
import { type Flags, requireFlag } from "../command.ts";

/** Flags that say what is generated. */
export const REQUEST_FLAGS = {
  prompt: "required",
  text: "switch",
  tier: "optional",
  steps: "optional",
  tokens: "optional",
  temperature: "optional",
  seed: "optional",
  deadline: "optional",
} as const;

/** As `--help` shows them. */
export const REQUEST_USAGE =
  "PROMPT|- [--text] [--tier TIER|--steps N] [--tokens N] [--temperature T] [--seed N] [--deadline MS]";

/**
 * The request that the flags describe; the prompt `-` is read from standard input, `[[5]]` and
 * `[[3-8]]` in it are holes.
 *
 * @throws {ApiError} `invalid_parameter`, `param` the flag.
 */
export async function readGenerationRequest(flags: Flags): Promise<GenerationRequest> {
  const given = requireFlag(flags, "prompt");
  const prompt = given === "-" ? (await text(process.stdin)).trimEnd() : given;
  const common = withoutAbsent({
    tier: readTier(flags["tier"]),
    steps: readNumber(flags, "steps"),
    temperature: readNumber(flags, "temperature"),
    seed: readNumber(flags, "seed"),
    deadline_ms: readNumber(flags, "deadline"),
  });
  const template = parseTemplate(prompt);
  if (template !== null) return { template, ...common };
  const tokens = withoutAbsent({ max_tokens: readNumber(flags, "tokens") });
  if (flags["text"] !== undefined) return { prompt, ...tokens, ...common };
  return { messages: [{ role: "user", content: prompt }], ...tokens, ...common };
}

function readTier(value: string | undefined): GenerationRequest["tier"] | undefined {
  if (value === undefined) return undefined;
  const tier = requestedTierSchema.safeParse(value);
  if (tier.success) return tier.data;
  const names = requestedTierSchema.options.join(", ");
  throw new ApiError("invalid_parameter", `--tier must be one of ${names}.`, { param: "tier" });
}

function readNumber(flags: Flags, name: string): number | undefined {
  const value = flags[name];
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw new ApiError("invalid_parameter", `--${name} must be a number.`, { param: name });
}

function withoutAbsent<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
