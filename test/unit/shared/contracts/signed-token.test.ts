import fc from "fast-check";
import { describe, it } from "vitest";
import { signToken, verifyToken } from "../../../../shared/contracts/signed-token.ts";

const secret = "a secret of thirty-two characters";

describe("signed tokens", () => {
  it("give back the payload that was signed", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 2 }), async (payload) => {
        const token = await signToken(payload, secret);
        expect(JSON.stringify(await verifyToken(token, secret))).toBe(JSON.stringify(payload));
      }),
    );
  });

  it("are refused under another secret", async ({ expect }) => {
    const token = await signToken({ request_id: "a" }, secret);
    expect(await verifyToken(token, `${secret}!`)).toBeNull();
  });

  it("are refused when any character is changed", async ({ expect }) => {
    const token = await signToken({ request_id: "a", max_steps: 4 }, secret);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 2),
        fc.constantFrom("A", "b", "7", "_", ".", "é"),
        async (index, character) => {
          fc.pre(token[index] !== character);
          const forged = token.slice(0, index) + character + token.slice(index + 1);
          expect(await verifyToken(forged, secret)).toBeNull();
        },
      ),
    );
  });

  it("are refused when the payload of one carries the signature of another", async ({ expect }) => {
    const [body] = (await signToken({ max_steps: 1_000 }, secret)).split(".");
    const [, signature] = (await signToken({ max_steps: 1 }, secret)).split(".");
    expect(await verifyToken(`${body}.${signature}`, secret)).toBeNull();
  });

  it("are null for text that is no token", async ({ expect }) => {
    for (const text of ["", ".", "a", "a.", ".a", "a.b.c", "a.a", "é.é", "a a.b", "%%.%%"]) {
      expect(await verifyToken(text, secret)).toBeNull();
    }
  });
});
