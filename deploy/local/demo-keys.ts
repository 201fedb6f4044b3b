import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";

/** What the demo account starts with, micro-dollars: some hundred thousand stories. */
const DEMO_CREDIT = 100_000_000;

const demoSchema = z.object({
  base_url: z.url(),
  account_id: z.string(),
  api_key: z.string(),
  management_key: z.string(),
});

/** What `.unmask/demo.json` holds: enough for the `openai` package and for the management API. */
export type Demo = z.infer<typeof demoSchema>;

/**
 * The demo account's keys: those of `file` while the edge still knows them, else a new account.
 *
 * @param edgeUrl Without a slash at the end.
 */
export async function ensureDemoKeys(
  edgeUrl: string,
  operatorSecret: string,
  file: string,
): Promise<Demo> {
  const stored = await readDemo(file);
  const keys =
    stored !== null && (await isAccepted(edgeUrl, stored.api_key))
      ? stored
      : await createDemoAccount(edgeUrl, operatorSecret);
  const demo = {
    base_url: `${edgeUrl}/v1`,
    account_id: keys.account_id,
    api_key: keys.api_key,
    management_key: keys.management_key,
  };
  await writeFile(file, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 });
  return demo;
}

async function readDemo(file: string): Promise<Demo | null> {
  try {
    return demoSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return null; // No demo yet, or a file that something else wrote: a new account either way.
  }
}

async function isAccepted(edgeUrl: string, apiKey: string): Promise<boolean> {
  const response = await fetch(`${edgeUrl}/v1/models`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  await response.body?.cancel();
  return response.ok;
}

async function createDemoAccount(
  edgeUrl: string,
  operatorSecret: string,
): Promise<Omit<Demo, "base_url">> {
  const wish = { name: "demo", plan: "scale", credit: DEMO_CREDIT };
  const account = z
    .object({ id: z.string(), management_key: z.string() })
    .parse(await post(`${edgeUrl}/v1/accounts`, operatorSecret, wish));
  const managementKey = account.management_key;
  const key = await post(`${edgeUrl}/v1/keys`, managementKey, { name: "demo" });
  return {
    account_id: account.id,
    api_key: z.object({ key: z.string() }).parse(key).key,
    management_key: managementKey,
  };
}

async function post(url: string, bearer: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}
