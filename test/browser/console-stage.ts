import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { unpackChromium } from "../support/unpack-chromium.ts";

/** How a visitor's browser is set. */
export interface VisitorOptions {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  /** Where the visitor comes in, with keys in the address; without them when `false`. */
  readonly hasKeys?: boolean;
}

/** A visitor of the console. */
export interface Visitor {
  readonly page: Page;
  /** What the browser's own console complained of, and what broke on the page. */
  readonly complaints: string[];
  /** Goes to a page of the console. */
  open(name: "playground" | "usage" | "keys" | "pool"): Promise<void>;
}

/** The product and a browser, for one test file. */
export interface ConsoleStage {
  readonly stack: TestStack;
  /** A fresh visitor, signed in. */
  visit(options?: VisitorOptions): Promise<Visitor>;
}

const HEIGHT = 900;

/** Starts both before the file's tests and ends them after. */
export function useConsoleStage(): ConsoleStage {
  let stack: TestStack;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    const { executablePath, args, env } = await unpackChromium();
    [stack, browser] = await Promise.all([
      startTestStack(),
      chromium.launch({ executablePath, args, env }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });
  return {
    get stack() {
      return stack;
    },
    async visit({ colorScheme = "light", width = 1_280, hasKeys = true } = {}) {
      const context = await browser.newContext({
        colorScheme,
        viewport: { width, height: HEIGHT },
        reducedMotion: "reduce",
      });
      contexts.push(context);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      const { api_key, management_key } = stack.demo;
      const keys = new URLSearchParams({ api_key, management_key });
      await page.goto(`${stack.url}/${hasKeys ? `#${keys}` : ""}`);
      return {
        page,
        complaints,
        open: async (name) => {
          await page.getByRole("link", { name, exact: false }).first().click();
        },
      };
    },
  };
}
