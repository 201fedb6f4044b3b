/**
 * Every page in light and dark, wide and narrow: nothing that axe finds, nothing wider than the screen.
 * With UNMASK_SCREENSHOTS set to a folder, pictures of each are kept there.
 */
import { join } from "node:path";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { useConsoleStage } from "./console-stage.ts";

const stage = useConsoleStage();
const PAGES = ["playground", "usage", "keys", "pool"] as const;
const DOCUMENTS = ["/docs", "/docs/quickstart", "/docs/tiers-and-price"];
const SCHEMES = ["light", "dark"] as const;
const WIDTHS = [1_280, 360] as const;

/** What axe finds, a line each. */
async function findViolations(page: Page): Promise<string[]> {
  // Not by a script element: the page's own policy runs none but its own.
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const { axe: loaded } = globalThis as unknown as { axe: typeof axe };
    const { violations } = await loaded.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

/** What gives a page something to show. */
const FILL: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  playground: async (page) => {
    await page.getByLabel("Beside it").selectOption("draft");
    await page.getByRole("button", { name: "Run" }).click();
    await page.locator(".status.done").nth(1).waitFor({ timeout: 60_000 });
    await page.getByLabel("Step", { exact: true }).first().fill("12");
  },
  usage: async (page) => {
    await page.getByRole("button", { name: "Check the chain" }).click();
    await page.getByText(/entries hold\./).waitFor();
  },
  pool: async (page) => {
    await page.getByRole("button", { name: /^Key/ }).click();
    await page.getByLabel("Operator secret").fill(stage.stack.operatorSecret);
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("cell", { name: "ready" }).waitFor();
  },
};

/** Keeps a picture where they are asked for; then nothing that axe finds, nothing wider than the screen. */
async function check(page: Page, name: string): Promise<void> {
  const folder = process.env["UNMASK_SCREENSHOTS"];
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  expect(await findViolations(page)).toEqual([]);
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overhang).toBeLessThanOrEqual(0);
}

describe.for(SCHEMES)("in %s", (colorScheme) => {
  it.for(WIDTHS.flatMap((width) => PAGES.map((name) => [name, width] as const)))(
    "%s holds at %i pixels",
    async ([name, width], { expect }) => {
      const { page, open, complaints } = await stage.visit({ colorScheme, width });
      await open(name);
      await FILL[name]?.(page);
      await page.waitForLoadState("networkidle");
      await check(page, `${name}-${colorScheme}-${width}`);
      expect(complaints).toEqual([]);
    },
  );

  it.for(WIDTHS.flatMap((width) => DOCUMENTS.map((path) => [path, width] as const)))(
    "%s holds at %i pixels",
    async ([path, width], { expect }) => {
      const { page, complaints } = await stage.visit({ colorScheme, width });
      await page.goto(`${stage.stack.url}${path}`);
      await page.waitForLoadState("networkidle");
      const pictures = page.locator("img");
      for (const picture of await pictures.all()) {
        expect(
          await picture.evaluate((image) => (image as HTMLImageElement).naturalWidth),
        ).toBeGreaterThan(0);
      }
      await check(page, `${path.slice(1).replaceAll("/", "-")}-${colorScheme}-${width}`);
      expect(complaints).toEqual([]);
    },
  );
});
