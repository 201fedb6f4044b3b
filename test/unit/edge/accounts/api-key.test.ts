import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, it } from "vitest";
import {
  createAccountId,
  createApiKey,
  hashSecret,
  type IssuedApiKey,
  isSameSecret,
  isTagValid,
  parseApiKey,
} from "../../../../edge/accounts/api-key.ts";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const tagSecret = "the edge's secret";
const accountId = createAccountId(randomBytes);
let issued: IssuedApiKey;
beforeAll(async () => {
  issued = await createApiKey({ environment: "live", accountId, tagSecret, randomBytes });
});

async function isAccepted(text: string): Promise<boolean> {
  const key = parseApiKey(text);
  return key !== null && (await isTagValid(key, tagSecret));
}

/** The checksum that makes `body` well-formed, found as a forger would: with our own code. */
function withChecksum(body: string): string {
  let crc = 0xffff_ffff;
  for (const byte of Buffer.from(body)) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  let rest = (crc ^ 0xffff_ffff) >>> 0;
  let digits = "";
  for (let i = 0; i < 6; i++) {
    digits = DIGITS.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return body + digits;
}

describe("an API key", () => {
  it("reads back as it was issued", async ({ expect }) => {
    const key = parseApiKey(issued.key);
    expect(key).toMatchObject({ environment: "live", accountId, keyId: issued.keyId });
    expect(await hashSecret(key?.secret ?? "")).toBe(issued.secretHash);
    expect(await isAccepted(issued.key)).toBe(true);
  });

  it("is one word of base62 with at least 128 random bits", ({ expect }) => {
    expect(issued.key).toMatch(/^unm_live_[0-9A-Za-z]{32}_[0-9A-Za-z]{28}$/);
    const secret = parseApiKey(issued.key)?.secret ?? "";
    expect(secret.length * Math.log2(62)).toBeGreaterThan(128);
  });

  it("ends in the CRC-32 that a scanner computes", ({ expect }) => {
    expect(withChecksum(issued.key.slice(0, -6))).toBe(issued.key);
  });

  it("is refused when one character is another", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(issued.key.length - 1),
        fc.constantFrom(...DIGITS, "_", "-", " "),
        async (position, character) => {
          fc.pre(issued.key[position] !== character);
          const changed =
            issued.key.slice(0, position) + character + issued.key.slice(position + 1);
          expect(await isAccepted(changed)).toBe(false);
        },
      ),
    );
  });

  it("is refused when any part is another's, even under a right checksum", async ({ expect }) => {
    const body = issued.key.slice(0, -6);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: "unm_live_".length, max: body.length - 1 }),
        fc.constantFrom(...DIGITS),
        async (position, character) => {
          fc.pre(body[position] !== character && body[position] !== "_");
          const forged = withChecksum(
            body.slice(0, position) + character + body.slice(position + 1),
          );
          expect(parseApiKey(forged)).not.toBeNull();
          expect(await isAccepted(forged)).toBe(false);
        },
      ),
    );
  });

  it("is refused in the other environment, and under another tag secret", async ({ expect }) => {
    const moved = withChecksum(issued.key.slice(0, -6).replace("live", "test"));
    expect(parseApiKey(moved)?.environment).toBe("test");
    expect(await isAccepted(moved)).toBe(false);
    const key = parseApiKey(issued.key);
    expect(key !== null && (await isTagValid(key, "another"))).toBe(false);
  });

  it("is never read out of anything else", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => issued.key + text),
        ),
        (text) => {
          expect(parseApiKey(text)).toEqual(text === issued.key ? expect.anything() : null);
        },
      ),
    );
  });
});

describe("two secrets", () => {
  it("are the same only when they are equal", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (left, right) => {
        expect(await isSameSecret(left, right)).toBe(left === right);
        expect(await isSameSecret(left, left)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
