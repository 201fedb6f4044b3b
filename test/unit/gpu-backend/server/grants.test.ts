import { afterAll, beforeAll, describe, it } from "vitest";
import { GrantGate } from "../../../../gpu-backend/server/grant-gate.ts";
import {
  bearGrant,
  collect,
  NOW,
  postGeneration,
  readError,
  readFrames,
  requestBody,
  SECRET,
  startTestNode,
  type TestNode,
} from "./test-node.ts";

describe("a grant", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode();
  });
  afterAll(() => node.close());

  it("is needed before the body is looked at", async ({ expect }) => {
    const response = await postGeneration(node, "{", { headers: { authorization: "" } });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await readError(response)).toMatchObject({
      code: "invalid_grant",
      type: "authentication_error",
    });
  });

  it("is refused when forged, malformed, expired or for another request", async ({ expect }) => {
    const grants = await Promise.all([
      bearGrant({ request_id: "b" }, "another secret of thirty-two characters"),
      bearGrant({ request_id: "b", max_steps: 0 }),
      bearGrant({ request_id: "b", expires_at: NOW }),
      bearGrant({ request_id: "c" }),
      "no.token",
    ]);
    for (const grant of grants) {
      const response = await postGeneration(node, requestBody("b"), { grant });
      expect(response.status).toBe(401);
      expect(await readError(response)).toMatchObject({ code: "invalid_grant" });
    }
  });

  it("is refused when it allows fewer steps than would run", async ({ expect }) => {
    const grant = await bearGrant({ request_id: "d", max_steps: 3 });
    const refused = await postGeneration(node, requestBody("d"), { grant });
    expect(await readError(refused)).toMatchObject({
      code: "invalid_grant",
      message: "The grant allows 3 steps, not 4.",
    });
    const accepted = await postGeneration(node, requestBody("d", { steps: 3 }), { grant });
    expect(accepted.status).toBe(200);
    await accepted.body?.cancel();
  });

  it("works once, even when copies arrive together", async ({ expect }) => {
    const grant = await bearGrant({ request_id: "e" });
    const copies = Array.from({ length: 5 }, () =>
      postGeneration(node, requestBody("e"), { grant }),
    );
    const responses = await Promise.all(copies);
    expect(responses.map((response) => response.status).sort()).toEqual([200, 401, 401, 401, 401]);
    for (const response of responses) {
      if (response.ok) await collect(readFrames(response));
      else await response.body?.cancel();
    }
    const replayed = await postGeneration(node, requestBody("e"), { grant });
    expect(await readError(replayed)).toMatchObject({ code: "invalid_grant" });
  });

  it("stays good when the request that bore it was refused", async ({ expect }) => {
    const grant = await bearGrant({ request_id: "f" });
    const refused = await postGeneration(node, { request_id: "f" }, { grant });
    expect(refused.status).toBe(400);
    await refused.body?.cancel();
    const accepted = await postGeneration(node, requestBody("f"), { grant });
    expect(accepted.status).toBe(200);
    await accepted.body?.cancel();
  });
});

describe("the memory of used grants", () => {
  const grant = (id: string, expiresAt: number) => ({
    request_id: id,
    max_steps: 1,
    attempt: 1,
    expires_at: expiresAt,
  });

  it("forgets a grant no sooner than it expires", ({ expect }) => {
    let now = NOW;
    const gate = new GrantGate({ secret: SECRET, now: () => now });
    gate.markUsed(grant("a", NOW + 30_000));
    now += 29_999;
    expect(() => gate.assertUnused(grant("a", NOW + 30_000))).toThrow("used before");
    now += 10_001;
    expect(() => gate.assertUnused(grant("a", NOW + 90_000))).not.toThrow();
  });

  it("refuses work rather than forgetting, and works again when grants expire", ({ expect }) => {
    let now = NOW;
    const gate = new GrantGate({ secret: SECRET, now: () => now, maxUsedGrants: 2 });
    gate.markUsed(grant("a", NOW + 20_000));
    gate.markUsed(grant("b", NOW + 90_000));
    expect(() => gate.assertUnused(grant("c", NOW + 90_000))).toThrow(
      expect.objectContaining({ code: "overloaded" }),
    );
    now += 30_000;
    expect(() => gate.assertUnused(grant("c", NOW + 90_000))).not.toThrow();
    expect(() => gate.assertUnused(grant("b", NOW + 90_000))).toThrow("used before");
  });
});
