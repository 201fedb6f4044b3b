import { randomBytes } from "node:crypto";
import { beforeAll, describe, it } from "vitest";
import {
  createAccountId,
  createApiKey,
  type IssuedApiKey,
} from "../../../../edge/accounts/api-key.ts";
import { KnownKeys } from "../../../../edge/accounts/known-keys.ts";

const tagSecret = "the edge's secret";
const accountId = createAccountId(randomBytes);
const issue = (secret = tagSecret) =>
  createApiKey({ environment: "live", accountId, tagSecret: secret, randomBytes });
let issued: IssuedApiKey;
beforeAll(async () => {
  issued = await issue();
});

describe("a key that is recognised", () => {
  it("is told by its account's id and its secret's hash, at first and again", async ({
    expect,
  }) => {
    const keys = new KnownKeys();
    const known = { accountId, keyId: issued.keyId, secretHash: issued.secretHash };
    expect(await keys.recognize(issued.key, tagSecret)).toMatchObject(known);
    expect(await keys.recognize(issued.key, tagSecret)).toMatchObject(known);
  });

  it("opens nothing for another that differs in one character", async ({ expect }) => {
    const keys = new KnownKeys();
    await keys.recognize(issued.key, tagSecret);
    for (let i = 0; i < issued.key.length; i += 1) {
      const other = issued.key.at(i) === "A" ? "B" : "A";
      const forged = issued.key.slice(0, i) + other + issued.key.slice(i + 1);
      expect(await keys.recognize(forged, tagSecret)).toBeNull();
      expect(await keys.recognize(forged, tagSecret)).toBeNull();
    }
  });

  it("is recognised by no other secret, whichever was asked for first", async ({ expect }) => {
    const keys = new KnownKeys();
    const elsewhere = await issue("another's secret");
    expect(await keys.recognize(elsewhere.key, tagSecret)).toBeNull();
    expect(await keys.recognize(elsewhere.key, "another's secret")).not.toBeNull();
    expect(await keys.recognize(elsewhere.key, tagSecret)).toBeNull();
  });

  it("stays so beside more keys than are remembered", async ({ expect }) => {
    const keys = new KnownKeys();
    const many = await Promise.all(Array.from({ length: 1_001 }, () => issue()));
    for (const { key, keyId } of [...many, ...many.slice(0, 2)]) {
      expect(await keys.recognize(key, tagSecret)).toMatchObject({ keyId });
    }
  });
});
