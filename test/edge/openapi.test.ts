import { afterAll, beforeAll, describe, it } from "vitest";
import { OPERATIONS } from "../../edge/routes/openapi-operations.ts";
import { ERROR_RULES } from "../../shared/contracts/errors.ts";
import { readError, startTestEdge, type TestEdge } from "./edge-harness.ts";

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, object> } }>>;
}

let edge: TestEdge;
let document: Document;
beforeAll(async () => {
  edge = await startTestEdge([]);
  document = (await (await fetch(`${edge.url}/openapi.json`)).json()) as Document;
});
afterAll(() => edge?.stop());

describe("the OpenAPI document", () => {
  it("is of 3.1 and tells every operation's fields", ({ expect }) => {
    expect(document.openapi).toBe("3.1.0");
    const chat = document.paths["/v1/chat/completions"]?.["post"];
    const schema = chat?.requestBody?.content["application/json"] as {
      schema: { properties: Record<string, object>; required: string[] };
    };
    expect(schema.schema.required).toEqual(["messages"]);
    expect(Object.keys(schema.schema.properties)).toEqual(
      expect.arrayContaining(["messages", "tier", "steps", "cache", "revision_steps", "stream"]),
    );
  });

  it.for(OPERATIONS.map(({ method, path }) => [method.toUpperCase(), path] as const))(
    "tells %s %s, which the app has and guards",
    async ([method, path], { expect }) => {
      expect(document.paths[path]).toHaveProperty(method.toLowerCase());
      const error = await readError(await edge.send(method, path.replace("{id}", "any")));
      expect(error).toMatchObject({ status: 401, code: "missing_api_key" });
    },
  );

  it("tells every path that a wrong method finds", async ({ expect }) => {
    for (const path of Object.keys(document.paths)) {
      const response = await edge.send("PUT", path.replace("{id}", "any"));
      const allowed = (response.headers.get("allow") ?? "").split(", ");
      const told = Object.keys(document.paths[path] ?? {}).map((method) => method.toUpperCase());
      expect(allowed.filter((method) => method !== "HEAD").toSorted()).toEqual(told.toSorted());
      await response.body?.cancel();
    }
  });
});

describe("the page of the API", () => {
  it("names every operation, field and code, and loads nothing", async ({ expect }) => {
    const response = await fetch(`${edge.url}/docs`);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    const page = await response.text();
    for (const { method, path } of OPERATIONS) {
      expect(page).toContain(`<h2>${method.toUpperCase()} ${path}</h2>`);
    }
    expect(page).toContain("<td>tier</td>");
    for (const code of Object.keys(ERROR_RULES)) expect(page).toContain(`<td>${code}</td>`);
    expect(page).not.toMatch(/<script|<link|<img|src=|url\(|https?:/);
  });
});
