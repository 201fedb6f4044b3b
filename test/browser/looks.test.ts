/**
 * Every page in light and dark, wide and narrow: nothing that axe finds, nothing wider than the screen.
 * With UNMASK_SCREENSHOTS set to a folder, pictures of each are kept there.
 */
import { join } from "node:path";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, it } from "vitest";
import { useConsoleStage } from "./console-stage.ts";

const stage = useConsoleStage();
const PAGES = ["playground", "usage", "keys", "pool"] as const;
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

describe.for(SCHEMES)("in %s", (colorScheme) => {
  it.for(WIDTHS.flatMap((width) => PAGES.map((name) => [name, width] as const)))(
    "%s holds at %i pixels",
    async ([name, width], { expect }) => {
      const { page, open, complaints } = await stage.visit({ colorScheme, width });
      await open(name);
      if (name === "playground") {
        await page.getByLabel("Beside it").selectOption("draft");
        await page.getByRole("button", { name: "Run" }).click();
        await page.locator(".status.done").nth(1).waitFor({ timeout: 60_000 });
        await page.getByLabel("Step", { exact: true }).first().fill("12");
      }
      await page.waitForLoadState("networkidle");
      const folder = process.env["UNMASK_SCREENSHOTS"];
      if (folder) {
        const path = join(folder, `${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path, fullPage: true });
      }
      expect(await findViolations(page)).toEqual([]);
      const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overhang).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
    },
  );
});
