/** What every route has in common: one shape of error, the same headers, limits before work. */
import { once } from "node:events";
import { request as openRequest } from "node:http";
import { afterAll, beforeAll, describe, it } from "vitest";
import { MAX_BODY_BYTES } from "../../shared/contracts/limits.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";

const chat = "/v1/chat/completions";
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  edge = await startTestEdge(["http://127.0.0.1:1"]);
  account = await createTestAccount(edge);
});
afterAll(() => edge?.stop());

/** Sends a body as it is. */
function post(body: string | ReadableStream, headers: Record<string, string> = {}) {
  return fetch(edge.url + chat, {
    method: "POST",
    headers: {
      authorization: `Bearer ${account.inferenceKey}`,
      "content-type": "application/json",
      ...headers,
    },
    body,
    duplex: "half",
  } as RequestInit);
}

describe("every answer", () => {
  it("is named and locked down, also where there is no key", async ({ expect }) => {
    const healthy = await edge.send("GET", "/healthz");
    expect(await healthy.json()).toEqual({ status: "ok" });
    const lost = await edge.send("GET", "/v1/nothing");
    for (const { headers } of [healthy, lost]) {
      expect(headers.get("x-request-id")).toMatch(/^req_/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("server-timing")).toMatch(/total;dur=\d+/);
    }
  });

  it("has an id of its own, whatever the client sends", async ({ expect }) => {
    const headers = { "x-request-id": "mine" };
    const answers = await Promise.all([1, 2].map(() => edge.send("GET", "/healthz", { headers })));
    const ids = answers.map((answer) => answer.headers.get("x-request-id"));
    expect(new Set([...ids, "mine"]).size).toBe(3);
  });
});

describe("an error", () => {
  it("says that a path does not exist", async ({ expect }) => {
    expect(await readError(await edge.send("POST", "/v1/images"))).toMatchObject({
      status: 404,
      code: "not_found",
      param: null,
    });
  });

  it.for([
    ["GET", chat, "POST"],
    ["PUT", "/v1/keys", "POST, GET, HEAD"],
    ["POST", "/v1/keys/key_1", "PATCH, DELETE"],
    ["DELETE", "/healthz", "GET, HEAD"],
  ] as const)("says that %s is not for %s", async ([method, path, allow], { expect }) => {
    const response = await edge.send(method, path);
    expect(response.headers.get("allow")).toBe(allow);
    const error = await readError(response);
    expect(error).toMatchObject({ status: 405, code: "method_not_allowed" });
  });

  it("is a problem of RFC 9457 for whoever asks for one, and the same beside", async ({
    expect,
  }) => {
    const headers = { accept: "application/problem+json, application/json;q=0.5" };
    const response = await edge.send("POST", "/v1/images", { headers });
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      type: "/docs#not_found",
      title: "not found",
      status: 404,
      detail: "There is no such resource.",
      error: { code: "not_found", type: "invalid_request_error" },
      request_id: response.headers.get("x-request-id"),
    });
    const plain = await edge.send("POST", "/v1/images");
    expect(plain.headers.get("content-type")).toBe("application/json");
  });

  it("says that no node is ready, and when to come back", async ({ expect }) => {
    const json = { messages: [{ role: "user", content: "a secret prompt" }] };
    const response = await edge.send("POST", chat, { key: account.inferenceKey, json });
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    const error = await readError(response);
    expect(error).toMatchObject({ status: 503, code: "no_ready_node", type: "server_error" });
  });

  it("of our own making is logged without what the client sent", async ({ expect }) => {
    const json = { messages: [{ role: "user", content: "a secret prompt" }] };
    const response = await edge.send("POST", chat, { key: account.inferenceKey, json });
    await response.body?.cancel();
    const requestId = response.headers.get("x-request-id");
    const find = () => edge.log.find((line) => line.includes(String(requestId)));
    await expect.poll(find).toBeDefined();
    expect(JSON.parse(find() ?? "")).toMatchObject({ event: "fault", code: "no_ready_node" });
    expect(edge.log.join()).not.toMatch(/secret prompt|unm_test_/);
  });
});

describe("a body", () => {
  it.for([
    ["{", {}, 400, "invalid_json"],
    ["", {}, 400, "invalid_json"],
    ["[]", {}, 400, "invalid_parameter"],
    ["a=b", { "content-type": "application/x-www-form-urlencoded" }, 415, "unsupported_media_type"],
  ] as const)("%j is refused", async ([body, headers, status, code], { expect }) => {
    const error = await readError(await post(body, headers));
    expect(error).toMatchObject({ status, code, param: null });
  });

  it("that is too long is refused, announced or not", async ({ expect }) => {
    const tooLong = JSON.stringify({ prompt: "a".repeat(MAX_BODY_BYTES) });
    const unannounced = new Blob([tooLong]).stream();
    for (const body of [tooLong, unannounced]) {
      const error = await readError(await post(body));
      expect(error).toMatchObject({ status: 413, code: "body_too_large" });
    }
  });

  it("of a stranger is not waited for", async ({ expect }) => {
    const request = openRequest(edge.url + chat, {
      method: "POST",
      headers: { authorization: "Bearer sk-nobody", "transfer-encoding": "chunked" },
    });
    request.on("error", () => undefined);
    request.write("{");
    const [response] = await once(request, "response");
    expect(response.statusCode).toBe(401);
    request.destroy();
  });
});
