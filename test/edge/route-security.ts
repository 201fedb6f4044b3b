/** What every route behind a key must refuse, whatever else it does. */
import { randomBytes } from "node:crypto";
import { describe, it } from "vitest";
import { createAccountId, createApiKey } from "../../edge/accounts/api-key.ts";
import type { KeyScope } from "../../shared/contracts/accounts.ts";
import { createTestAccount, readError, type SendOptions, type TestEdge } from "./edge-harness.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

/** A route, and a request that it would answer well. */
export interface SecuredRoute {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  /** The scopes that it takes. */
  readonly scopes: readonly KeyScope[];
}

/** Registers the tests of one route. `getEdge` is called when they run. */
export function testRouteSecurity(getEdge: () => TestEdge, route: SecuredRoute): void {
  const send = (options: SendOptions, path = route.path) =>
    getEdge().send(route.method, path, {
      ...options,
      ...(route.json === undefined ? {} : { json: route.json }),
    });
  const createForeignKey = async (tagSecret: string, accountId: string) => {
    const issued = await createApiKey({ environment: "test", accountId, tagSecret, randomBytes });
    return issued.key;
  };

  describe(`${route.method} ${route.path} refuses`, () => {
    it("a request without a key", async ({ expect }) => {
      const response = await send({});
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(await readError(response)).toMatchObject({
        status: 401,
        code: "missing_api_key",
        type: "authentication_error",
      });
    });

    it("a malformed key, in either header", async ({ expect }) => {
      for (const headers of [{ authorization: "Bearer sk-nobody" }, { "x-api-key": "sk-nobody" }]) {
        const error = await readError(await send({ headers }));
        expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
      }
    });

    it("a forged key, without waking the account it names", async ({ expect }) => {
      const before = await getEdge().listAccountObjects();
      const accountId = createAccountId(randomBytes);
      const forged = await createForeignKey("another secret", accountId);
      const error = await readError(await send({ key: forged }));
      expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
      expect(await getEdge().listAccountObjects()).toEqual(before);
    });

    it("a well-made key that no account has issued", async ({ expect }) => {
      const { accountId } = await createTestAccount(getEdge());
      const unknown = await createForeignKey(TEST_SECRETS.KEY_TAG_SECRET, accountId);
      const error = await readError(await send({ key: unknown }));
      expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
    });

    it("a revoked key, at the very next request", async ({ expect }) => {
      const account = await createTestAccount(getEdge());
      const isInference = route.scopes.includes("inference");
      const key = isInference ? account.inferenceKey : account.managementKey;
      const keyId = isInference ? account.inferenceKeyId : await findOwnId(getEdge(), key);
      await getEdge().send("DELETE", `/v1/keys/${keyId}`, { key: account.managementKey });
      const error = await readError(await send({ key }));
      expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
    });

    it("a key in the address", async ({ expect }) => {
      const { inferenceKey } = await createTestAccount(getEdge());
      const error = await readError(await send({}, `${route.path}?api_key=${inferenceKey}`));
      expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
    });

    const [scope, ...others] = route.scopes;
    if (others.length > 0) return;
    it("a key of another scope", async ({ expect }) => {
      const account = await createTestAccount(getEdge());
      const key = scope === "inference" ? account.managementKey : account.inferenceKey;
      const error = await readError(await send({ key }));
      expect(error).toMatchObject({
        status: 403,
        code: "scope_not_allowed",
        type: "permission_error",
      });
    });
  });
}

/** The account's first key is its management key. */
async function findOwnId(edge: TestEdge, managementKey: string): Promise<string> {
  const response = await edge.send("GET", "/v1/keys?limit=1", { key: managementKey });
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data[0]?.id ?? "";
}
