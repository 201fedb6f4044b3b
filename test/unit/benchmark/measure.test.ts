import { describe, it } from "vitest";
import { interleave, median, quantile, slope } from "../../benchmark/measure.ts";

describe("median and quantile", () => {
  it("take the middle, of two middles their mean", ({ expect }) => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it("give the smallest value that a share does not exceed", ({ expect }) => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(quantile(values, 0.99)).toBe(99);
    expect(quantile(values, 1)).toBe(100);
    expect(quantile([3], 0.01)).toBe(3);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe("slope", () => {
  it("is that of a line, whatever its height", ({ expect }) => {
    const points = [0, 1, 2, 5].map((x) => ({ x, y: 10 - 3 * x }));
    expect(slope(points)).toBeCloseTo(-3, 12);
  });
});

describe("interleave", () => {
  it("runs subjects in turn and keeps no warm-up", async ({ expect }) => {
    const order: string[] = [];
    let count = 0;
    const subject = (name: string) => async () => {
      order.push(name);
      count += 1;
      return count;
    };
    const results = await interleave(2, { a: subject("a"), b: subject("b") });
    expect(order.join("")).toBe("ababab");
    expect(results).toEqual({ a: [3, 5], b: [4, 6] });
  });
});
