import { afterAll, beforeAll, describe, it } from "vitest";
import { MAX_NODE_BODY_BYTES } from "../../../../shared/contracts/limits.ts";
import {
  bearGrant,
  postGeneration,
  readError,
  requestBody,
  startTestNode,
  type TestNode,
} from "./test-node.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node.close());

async function refusal(body: unknown, headers: Record<string, string> = {}) {
  const grant = await bearGrant({ request_id: "a" });
  const response = await postGeneration(node, body, { grant, headers });
  const { code, param } = await readError(response);
  return { status: response.status, code, param };
}

const invalid = (code: string, param: string | null) => ({ status: 400, code, param });

describe("a wrong body", () => {
  it("is refused with the code and the field that say what is wrong", async ({ expect }) => {
    const right = requestBody("a");
    const { request_id: _, ...anonymous } = right;
    const cases: [unknown, ReturnType<typeof invalid>][] = [
      ["", invalid("invalid_json", null)],
      ["{", invalid("invalid_json", null)],
      ["[]", invalid("invalid_parameter", null)],
      [{ ...right, colour: "red" }, invalid("unknown_parameter", "colour")],
      [anonymous, invalid("missing_parameter", "request_id")],
      [{ ...right, input: { type: "image" } }, invalid("invalid_parameter", "input.type")],
      [{ ...right, parameters: {} }, invalid("missing_parameter", "parameters.max_tokens")],
      [requestBody("a", { tempo: 1 }), invalid("unknown_parameter", "parameters.tempo")],
      [
        requestBody("a", { temperature: 9 }),
        invalid("invalid_parameter", "parameters.temperature"),
      ],
      [requestBody("a", { stop: ["x", 1] }), invalid("invalid_parameter", "parameters.stop.1")],
      [{ ...right, input: { type: "text", text: "" } }, invalid("empty_prompt", "input")],
      [
        { ...right, input: { type: "text", text: "a".repeat(505) } },
        invalid("context_length_exceeded", "input"),
      ],
      [
        requestBody("a", { block_length: 3 }),
        invalid("block_length_not_a_divisor", "block_length"),
      ],
      [
        requestBody("a", { revision_steps: 1, remasking: "random" }),
        invalid("invalid_parameter", "revision_steps"),
      ],
      [requestBody("a", { block_length: 1, steps: 4 }), invalid("more_blocks_than_steps", "steps")],
    ];
    for (const [body, expected] of cases) expect(await refusal(body)).toEqual(expected);
  });

  it("is refused when it is no JSON by its media type", async ({ expect }) => {
    expect(await refusal(requestBody("a"), { "content-type": "text/plain" })).toMatchObject({
      status: 415,
      code: "unsupported_media_type",
    });
  });

  it("is refused when it is too large, whether or not it says so first", async ({ expect }) => {
    const large = JSON.stringify({ padding: "a".repeat(MAX_NODE_BODY_BYTES) });
    const expected = { status: 413, code: "body_too_large", param: null };
    expect(await refusal(large)).toEqual(expected);
    const grant = await bearGrant({ request_id: "a" });
    const response = await fetch(`${node.url}/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${grant}`, "content-type": "application/json" },
      body: new Blob([large]).stream(),
      duplex: "half",
    } as RequestInit);
    expect({ status: response.status, ...(await readError(response)) }).toMatchObject(expected);
  });

  it("is refused when its bytes are no text", async ({ expect }) => {
    const grant = await bearGrant({ request_id: "a" });
    const response = await fetch(`${node.url}/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${grant}`, "content-type": "application/json" },
      body: Uint8Array.of(0x22, 0xff, 0x22),
    });
    expect(await readError(response)).toMatchObject({ code: "invalid_json" });
  });

  it("is never repeated in the answer", async ({ expect }) => {
    const grant = await bearGrant({ request_id: "a" });
    const body = requestBody("a", { temperature: "my secret prompt" });
    const response = await postGeneration(node, body, { grant });
    const text = await response.text();
    expect(text).not.toContain("secret prompt");
    expect(text).not.toContain("stack");
    expect(JSON.parse(text)).toMatchObject({ request_id: "a" });
  });
});

describe("a wrong address", () => {
  it("is not_found, and a wrong method says which is right", async ({ expect }) => {
    const unknown = await fetch(`${node.url}/nothing`);
    expect(unknown.status).toBe(404);
    expect(await readError(unknown)).toMatchObject({ code: "not_found" });
    for (const [path, method, allowed] of [
      ["/generations", "GET", "POST"],
      ["/generations/a/cancel", "GET", "POST"],
      ["/healthz", "POST", "GET"],
      ["/readyz", "DELETE", "GET"],
      ["/model", "PUT", "GET"],
    ] as const) {
      const response = await fetch(`${node.url}${path}`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe(allowed);
      expect(await readError(response)).toMatchObject({ code: "method_not_allowed" });
    }
  });
});
