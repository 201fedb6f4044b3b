import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, it } from "vitest";
import { OPERATIONS } from "../../edge/routes/openapi-operations.ts";
import { ERROR_RULES } from "../../shared/contracts/errors.ts";
import { createTestAccount, readError, startTestEdge, type TestEdge } from "./edge-harness.ts";

interface Document {
  openapi: string;
  paths: Record<string, Record<string, DocumentedOperation>>;
}

type Content = Record<string, { schema: object }>;

interface DocumentedOperation {
  parameters: { name: string; schema: object }[];
  requestBody?: { content: Content };
  responses: Record<string, { content: Content }>;
}

/** Formats are a hint in JSON Schema; what they say is checked by the schemas that it was made from. */
const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** Every value of a key, at any depth. */
function findAll(value: unknown, key: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === key ? [inner] : findAll(inner, key),
  );
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

  it("is made of JSON Schemas of 2020-12, whose references are in it", ({ expect }) => {
    const schemas = findAll(document, "schema");
    expect(schemas.length).toBeGreaterThan(50);
    for (const reference of new Set(findAll(document, "$ref"))) {
      const steps = String(reference).replace(/^#\//, "").split("/");
      const target = steps.reduce<unknown>((at, step) => Object(at)[step], document);
      expect(target, String(reference)).toBeTypeOf("object");
    }
    for (const schema of schemas) {
      expect(ajv.validateSchema(schema as object), JSON.stringify(ajv.errors)).toBe(true);
    }
  });

  it.for([
    ["/v1/keys", "managementKey"],
    ["/v1/ledger", "managementKey"],
    ["/v1/usage", "managementKey"],
    ["/v1/tiers", "inferenceKey"],
    ["/v1/models", "inferenceKey"],
  ] as const)("says of %s what is answered", async ([path, name], { expect }) => {
    const { [name]: key } = await createTestAccount(edge);
    const answer = await (await edge.send("GET", path, { key })).json();
    const { content } = document.paths[path]?.["get"]?.responses["200"] ?? {};
    const schema = content?.["application/json"]?.schema ?? {};
    expect(ajv.validate(schema, answer), JSON.stringify(ajv.errors)).toBe(true);
    expect(ajv.validate(schema, {})).toBe(false);
  });

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
    for (const code of Object.keys(ERROR_RULES)) {
      expect(page).toContain(`<tr id="${code}"><td>${code}</td>`);
    }
    expect(page).not.toMatch(/<script|<link|<img|src=|url\(|https?:/);
  });
});
