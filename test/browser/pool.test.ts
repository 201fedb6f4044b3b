/** The operator's page in a real browser, against the real stack. */
import { describe, it } from "vitest";
import { useConsoleStage } from "./console-stage.ts";

const stage = useConsoleStage();

describe("the pool page", () => {
  it("shows the operator each node and the decision, and nobody else", async ({ expect }) => {
    const { page, open, complaints } = await stage.visit();
    await open("pool");
    await page.getByText("Sign in with the operator's secret").waitFor();
    await page.getByRole("button", { name: /^Key/ }).click();
    await page.getByLabel("Operator secret").fill(stage.stack.operatorSecret);
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("cell", { name: "unmask-default" }).waitFor();
    await page.getByRole("cell", { name: "ready" }).waitFor();
    const wanted = page.locator("dl div", { hasText: "Nodes wanted" }).locator("dd");
    expect(Number(await wanted.textContent())).toBeGreaterThanOrEqual(0);
    expect(complaints).toEqual([]);
  });

  it("says that another secret is none", async ({ expect }) => {
    const { page, open } = await stage.visit();
    await open("pool");
    await page.getByRole("button", { name: /^Key/ }).click();
    await page.getByLabel("Operator secret").fill("not-the-secret-of-this-deployment-at-all");
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("alert").getByText("invalid_api_key").waitFor();
    expect(await page.getByRole("cell").count()).toBe(0);
  });
});
