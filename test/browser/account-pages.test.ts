/** Usage and keys in a real browser, against the real stack. */
import { beforeAll, describe, it } from "vitest";
import { Unmask } from "../../shared/sdk/unmask.ts";
import { useConsoleStage } from "./console-stage.ts";

const stage = useConsoleStage();
const open = (apiKey: string) => new Unmask({ apiKey, baseUrl: stage.stack.demo.base_url });

beforeAll(async () => {
  const client = open(stage.stack.demo.api_key);
  for (const tier of ["draft", "balanced"] as const) {
    await client.generate({ prompt: "Once upon a time", max_tokens: 16, tier });
  }
});

describe("the usage page", () => {
  it("shows money, use by tier and key, and a ledger whose chain holds", async ({ expect }) => {
    const { page, open: go, complaints } = await stage.visit();
    await go("usage");
    await page.getByRole("cell", { name: "draft" }).waitFor();
    await page.getByRole("cell", { name: "balanced" }).waitFor();
    const keyed = page.getByRole("table", { name: "Use by day, model, tier and key" });
    const management = open(stage.stack.demo.management_key);
    const [line] = (await management.usage()).data;
    const { data: keys } = await management.keys.list();
    const name = keys.find(({ id }) => id === line?.key_id)?.name ?? line?.key_id ?? "";
    expect(await keyed.getByRole("cell", { name, exact: true }).count()).toBe(2);
    expect(await page.locator(".chart rect").count()).toBe(2);
    await page.getByRole("button", { name: "Check the chain" }).click();
    await page.getByText(/All \d+ entries hold\./).waitFor();
    const report = await management.usage();
    const spent = report.data.reduce((sum, { cost }) => sum + cost, 0);
    const told = await page.locator("dl div", { hasText: "Spent" }).locator("dd").textContent();
    expect(Number(told?.slice(1))).toBeCloseTo(spent / 1e6, 9);
    expect(complaints).toEqual([]);
  });
});

describe("the keys page", () => {
  it("makes a key, shows it once, and revokes it at once", async ({ expect }) => {
    const { page, open: go, complaints } = await stage.visit();
    await go("keys");
    await page.getByLabel("Name").fill("from the console");
    await page.getByLabel("Spending limit, $").fill("0.5");
    await page.getByLabel("At once, most").fill("3");
    await page.getByRole("checkbox", { name: "draft" }).check();
    await page.getByRole("button", { name: "Create" }).click();
    const key = (await page.locator(".secret").textContent()) ?? "";
    const client = open(key);
    await page.getByRole("cell", { name: "inference in draft, 3 at once" }).waitFor();
    await client.generate({ prompt: "Once", max_tokens: 8, tier: "draft" });
    await client.generate({ prompt: "Once", max_tokens: 8, tier: "quality" }).then(
      () => expect.unreachable(),
      (error) => expect(error.code).toBe("tier_not_allowed"),
    );
    await page.getByRole("button", { name: "I have it" }).click();
    expect(await page.getByText(key).count()).toBe(0);
    await page.getByRole("button", { name: "Revoke from the console" }).click();
    await page.getByRole("button", { name: "Revoke from the console for good" }).click();
    await page.getByRole("cell", { name: "revoked" }).waitFor();
    await client.generate({ prompt: "Once", max_tokens: 8, tier: "draft" }).then(
      () => expect.unreachable(),
      (error) => expect(error.code).toBe("invalid_api_key"),
    );
    expect(complaints).toEqual([]);
  });

  it("rotates a key: both work while they overlap", async ({ expect }) => {
    const { page, open: go } = await stage.visit();
    const account = open(stage.stack.demo.management_key);
    const old = await account.keys.create({ name: "to rotate" });
    await go("keys");
    await page.getByRole("button", { name: "Rotate to rotate" }).click();
    const key = (await page.locator(".secret").textContent()) ?? "";
    expect(key).not.toBe(old.key);
    for (const one of [old.key, key]) expect(await open(one).models()).toHaveLength(1);
  });
});
