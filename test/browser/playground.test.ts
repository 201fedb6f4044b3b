/** The playground in a real browser, against the real stack. */
import { describe, it } from "vitest";
import { Unmask } from "../../shared/sdk/unmask.ts";
import { useConsoleStage, type Visitor } from "./console-stage.ts";

const stage = useConsoleStage();

async function run({ page }: Visitor, text: string, tokens: number, tier: string): Promise<void> {
  await page.getByLabel("Prompt, or text with holes").fill(text);
  await page.getByLabel("Tokens").fill(String(tokens));
  await page.getByLabel("Tier").selectOption(tier);
  await page.getByRole("button", { name: "Run" }).click();
}

/** The figure under a heading of a run's panel. */
function figure({ page }: Visitor, term: string) {
  return page.locator(".run dl div", { hasText: term }).locator("dd").first();
}

const isDone = (visitor: Visitor) =>
  visitor.page.locator(".status.done").first().waitFor({ timeout: 60_000 });

describe("the playground", () => {
  it("fills a canvas to the end, and shows any earlier one", async ({ expect }) => {
    const visitor = await stage.visit();
    const { page } = visitor;
    await run(visitor, "Tell me a story.", 32, "quality");
    await isDone(visitor);
    const { demo } = stage.stack;
    const client = new Unmask({ apiKey: demo.api_key, baseUrl: demo.base_url });
    const messages = [{ role: "user" as const, content: "Tell me a story." }];
    const { text } = await client.generate({ messages, max_tokens: 32, tier: "quality" });
    expect(await page.getByTestId("spoken").textContent()).toBe(text);
    expect(await page.locator(".canvas").getAttribute("data-masked")).toBe("0");
    const slider = page.getByLabel("Step", { exact: true });
    await slider.fill("4");
    expect(await page.locator(".canvas").getAttribute("data-masked")).toBe("28");
    await slider.fill("0");
    expect(await page.locator(".position.masked").count()).toBe(32);
    expect(visitor.complaints).toEqual([]);
  });

  it("fills holes of a text", async ({ expect }) => {
    const visitor = await stage.visit();
    await run(visitor, "Tom is a [[1]]. He likes to [[2-4]].", 8, "balanced");
    await isDone(visitor);
    const canvas = visitor.page.locator(".canvas");
    expect(await canvas.textContent()).toMatch(/^Tom is a.+\. He likes to.+\.$/s);
    expect(await visitor.page.locator(".position.given").count()).toBeGreaterThan(5);
    expect(visitor.complaints).toEqual([]);
  });

  it("cuts a hole where words are selected", async ({ expect }) => {
    const { page } = await stage.visit();
    const area = page.getByLabel("Prompt, or text with holes");
    await area.fill("Tom likes milk.");
    await area.evaluate((element) => (element as HTMLTextAreaElement).setSelectionRange(4, 9));
    await page.keyboard.press("Alt+KeyM");
    expect(await area.inputValue()).toBe("Tom [[2]] milk.");
  });

  it("quotes before it runs, and charges no more", async ({ expect }) => {
    const visitor = await stage.visit();
    const quoted = figure(visitor, "Quoted at most");
    await quoted.filter({ hasText: "$" }).waitFor();
    await run(visitor, "Tell me a story.", 16, "fast");
    await isDone(visitor);
    const dollars = async (text: Promise<string | null>) => Number((await text)?.slice(1));
    const charged = await dollars(figure(visitor, "Charged").textContent());
    expect(charged).toBeGreaterThan(0);
    expect(charged).toBeLessThanOrEqual(await dollars(quoted.textContent()));
  });

  it("charges a cancelled run for the steps that ran", async ({ expect }) => {
    const visitor = await stage.visit();
    const { page } = visitor;
    // Long enough that it runs still when a starved browser comes to press the key.
    await run(visitor, "Tell me a long story.", 192, "max");
    await page.waitForFunction(() => document.querySelectorAll(".position.committed").length >= 3);
    await page.keyboard.press("Escape");
    await page.locator(".status.cancelled").waitFor();
    const { demo } = stage.stack;
    const account = new Unmask({ apiKey: demo.management_key, baseUrl: demo.base_url });
    const [entry] = (await account.ledger({ limit: 1 })).data;
    const charged = await figure(visitor, "Charged").textContent();
    expect(Number(charged?.slice(1))).toBeCloseTo(-(entry?.amount ?? 0) / 1e6, 9);
    // Far from the 384 steps that it was quoted for.
    expect(-(entry?.amount ?? 0)).toBeLessThan(200 * 20);
  });

  it("runs two tiers beside each other", async ({ expect }) => {
    const visitor = await stage.visit();
    await visitor.page.getByLabel("Beside it").selectOption("draft");
    await run(visitor, "Tell me a story.", 32, "quality");
    await visitor.page.locator(".status.done").nth(1).waitFor({ timeout: 60_000 });
    const steps = await visitor.page.locator(".run dl div:first-child dd").allTextContents();
    const [quality = 0, draft = 0] = steps.map((text) => Number.parseInt(text, 10));
    expect(draft).toBeLessThan(quality);
  });

  it("works by keyboard alone", async ({ expect }) => {
    const { page, complaints } = await stage.visit();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Skip");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
    await page.keyboard.press("Control+KeyA");
    await page.keyboard.type("What is 2 + 2?");
    await page.keyboard.press("Control+Enter");
    await page.locator(".status.done").waitFor({ timeout: 60_000 });
    expect(complaints).toEqual([]);
  });

  it("says what is missing without a key, and what is wrong with one", async ({ expect }) => {
    const { page } = await stage.visit({ hasKeys: false });
    expect(await page.getByText("Sign in with an API key").isVisible()).toBe(true);
    expect(await page.getByRole("button", { name: "Run" }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("API key", { exact: true }).fill("unm_live_wrong");
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("alert").getByText("invalid_api_key").waitFor();
  });

  it("gives code that does the same", async ({ expect }) => {
    const { page } = await stage.visit();
    await page.getByText("As code").click();
    const samples = await page.locator("details pre").allTextContents();
    expect(samples).toHaveLength(3);
    expect(samples.join("\n")).not.toContain(stage.stack.demo.api_key);
    expect(samples[0]).toContain("/v1/generations");
  });
});
