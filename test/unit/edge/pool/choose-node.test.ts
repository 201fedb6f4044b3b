import fc from "fast-check";
import { describe, it } from "vitest";
import { chooseNode } from "../../../../edge/pool/choose-node.ts";

const candidates = fc.uniqueArray(fc.record({ url: fc.webUrl(), inFlightCount: fc.nat(5) }), {
  selector: ({ url }) => url,
  maxLength: 8,
});

describe("choosing a node", () => {
  it("takes one that is not excluded, and none that is busier than another", ({ expect }) => {
    fc.assert(
      fc.property(candidates, fc.nat(), fc.infiniteStream(fc.boolean()), (all, turn, coins) => {
        const excluded = new Set(
          all.filter(() => coins.next().value === true).map(({ url }) => url),
        );
        const left = all.filter(({ url }) => !excluded.has(url));
        const chosen = chooseNode(all, excluded, turn);
        if (left.length === 0) {
          expect(chosen).toBeNull();
          return;
        }
        expect(left).toContain(chosen);
        const fewest = Math.min(...left.map(({ inFlightCount }) => inFlightCount));
        expect(chosen?.inFlightCount).toBe(fewest);
      }),
    );
  });

  it("gives each of equal nodes its turn", ({ expect }) => {
    const equal = ["a", "b", "c"].map((url) => ({ url, inFlightCount: 0 }));
    const chosen = [0, 1, 2, 3, 4, 5].map((turn) => chooseNode(equal, new Set(), turn)?.url);
    expect(chosen).toEqual(["a", "b", "c", "a", "b", "c"]);
  });
});
