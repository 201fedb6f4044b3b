/** The SDK's one suite against the real stack, in Node.js, in workerd and in Chromium. */
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { build } from "vite";
import { beforeAll, describe, it } from "vitest";
import { runSdkSuite, SDK_CASES, type SdkSuiteOptions } from "../support/sdk-suite.ts";
import { useConsoleStage } from "./console-stage.ts";

const stage = useConsoleStage();
const allRight = Object.fromEntries(SDK_CASES.map((name) => [name, true]));
let script: string;

beforeAll(async () => {
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      lib: {
        entry: join(import.meta.dirname, "..", "support", "sdk-suite.ts"),
        formats: ["iife"],
        name: "suite",
      },
    },
  });
  const [output] = Array.isArray(built) ? built : [];
  script = output?.output[0].code ?? "";
});

function options(): SdkSuiteOptions {
  const { base_url, api_key, management_key } = stage.stack.demo;
  return { baseUrl: base_url, apiKey: api_key, managementKey: management_key };
}

describe("the SDK", () => {
  it("works in Node.js", async ({ expect }) => {
    expect(await runSdkSuite(options())).toEqual(allRight);
  });

  it("works in workerd", async ({ expect }) => {
    const handler = `export default { async fetch(request) {
      return Response.json(await suite.runSdkSuite(await request.json()));
    } };`;
    const worker = new Miniflare(
      convertV4MiniflareOptions({
        name: "app",
        modules: [{ type: "ESModule", path: "app.js", contents: `${script}\n${handler}` }],
        compatibilityDate: "2026-11-17",
        cf: false,
        telemetry: { enabled: false },
      }),
    );
    try {
      const response = await fetch(await worker.ready, {
        method: "POST",
        body: JSON.stringify(options()),
      });
      expect(await response.json()).toEqual(allRight);
    } finally {
      await worker.dispose();
    }
  });

  it("works in Chromium", async ({ expect }) => {
    // A page of the deployment itself: other origins may not call with a secret key.
    const { page, complaints } = await stage.visit();
    await page.evaluate(script.replace(/^(var|const|let) suite/, "globalThis.suite"));
    const results = await page.evaluate(async (given) => {
      const { suite } = globalThis as unknown as { suite: { runSdkSuite: typeof runSdkSuite } };
      return await suite.runSdkSuite(given);
    }, options());
    expect(results).toEqual(allRight);
    // Chromium itself complains of the request that is refused on purpose.
    expect(complaints.filter((text) => !text.includes("400"))).toEqual([]);
  });
});
