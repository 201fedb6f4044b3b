/**
 * What the SDK must do against a real deployment, in whichever runtime this is run: nothing here but web
 * standards.
 */
import { Unmask } from "../../shared/sdk/unmask.ts";
import { UnmaskError } from "../../shared/sdk/unmask-error.ts";

/** Where the deployment is, and the keys of one of its accounts. */
export interface SdkSuiteOptions {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly managementKey: string;
}

type Case = (clients: { client: Unmask; account: Unmask }) => Promise<boolean>;

const CASES: Readonly<Record<string, Case>> = {
  "generates, and tells the bill": async ({ client }) => {
    const { status, text, usage } = await client.generate({ prompt: "Once", max_tokens: 8 });
    return status === "completed" && text !== "" && (usage?.cost ?? 0) > 0;
  },
  "streams frames whose last canvas is the answer": async ({ client }) => {
    const request = { prompt: "Once", max_tokens: 16, tier: "quality" } as const;
    const stream = client.stream(request);
    let steps = 0;
    for await (const { event } of stream) steps += event.type === "step" ? 1 : 0;
    const { text } = await stream.final();
    return (
      steps === 16 && stream.canvas?.maskedCount === 0 && stream.canvas.toText().includes(text)
    );
  },
  "takes a stream up again where it was": async ({ client }) => {
    const whole = client.stream({ prompt: "Once upon", max_tokens: 8 });
    const { id, text } = await whole.final();
    const again = await client.generations.events(id).final();
    return again.text === text && (await client.generations.retrieve(id)).text === text;
  },
  "cancels, and pays for what ran": async ({ client }) => {
    // Long enough that it runs still when a starved browser comes to the second step.
    const stream = client.stream({ prompt: "Once", max_tokens: 240, tier: "max" });
    for await (const { event } of stream) {
      if (event.type === "step" && event.step === 2) await stream.cancel();
    }
    const { status, usage } = await stream.final();
    return status === "cancelled" && (usage?.steps ?? 0) >= 2 && (usage?.steps ?? 0) < 480;
  },
  "fills holes": async ({ client }) => {
    const { text, holes } = await client.infill({ template: ["Tom ", { length: 2 }, " home."] });
    return text.startsWith("Tom ") && text.endsWith(" home.") && holes.length === 1;
  },
  "scores answers": async ({ client }) => {
    const { answers, best } = await client.score({
      ...{ prompt: "Once upon a", answers: [" time", " cow"], samples: 4 },
    });
    return answers.length === 2 && best === 0;
  },
  "quotes no less than it charges": async ({ client }) => {
    const request = { prompt: "Once", max_tokens: 8, tier: "fast" } as const;
    const [quoted] = (await client.quote(request)).data;
    const { usage } = await client.generate(request);
    return (quoted?.max_cost ?? 0) >= (usage?.cost ?? Number.POSITIVE_INFINITY);
  },
  "lists models, tiers and use": async ({ client, account }) => {
    const [models, tiers, usage] = await Promise.all([
      client.models(),
      client.tiers(),
      account.usage({ days: 1 }),
    ]);
    return models.length === 1 && tiers.length === 5 && usage.data.length > 0;
  },
  "makes and revokes keys": async ({ account }) => {
    const { id } = await account.keys.create({ name: "suite" });
    const { revoked_at: revokedAt } = await account.keys.revoke(id);
    return revokedAt !== null;
  },
  "says what is wrong": async ({ client }) => {
    const error = await client.generate({ prompt: "Once", max_tokens: 0 }).catch((e: unknown) => e);
    return error instanceof UnmaskError && error.param === "max_tokens" && error.status === 400;
  },
  "ends when it is aborted": async ({ client }) => {
    const abort = new AbortController();
    const stream = client.stream({ prompt: "Once", max_tokens: 64 }, { signal: abort.signal });
    const read = async () => {
      for await (const { event } of stream) if (event.type === "started") abort.abort();
    };
    const error = await read().catch((e: unknown) => e);
    return error instanceof UnmaskError && error.code === "aborted";
  },
};

/** Names of the cases. */
export const SDK_CASES: readonly string[] = Object.keys(CASES);

/** Runs every case, one after the other; `true`, or what went wrong, by name. */
export async function runSdkSuite({
  baseUrl,
  apiKey,
  managementKey,
}: SdkSuiteOptions): Promise<Record<string, string | true>> {
  const clients = {
    client: new Unmask({ apiKey, baseUrl }),
    account: new Unmask({ apiKey: managementKey, baseUrl }),
  };
  const results: Record<string, string | true> = {};
  for (const [name, run] of Object.entries(CASES)) {
    results[name] = await run(clients).then(
      (isRight) => isRight || "not as expected",
      (error: unknown) => String(error),
    );
  }
  return results;
}
