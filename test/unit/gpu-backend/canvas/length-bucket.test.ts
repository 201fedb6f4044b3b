import fc from "fast-check";
import { describe, it } from "vitest";
import { lengthBucket } from "../../../../gpu-backend/canvas/length-bucket.ts";

describe("lengthBucket", () => {
  it("is the smallest of few fixed lengths that holds the row", ({ expect }) => {
    const buckets = Array.from({ length: 600 }, (_, i) => lengthBucket(i + 1, 4096));
    expect([...new Set(buckets)]).toEqual([
      32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640,
    ]);
  });

  it("holds the row, wastes little, grows with the row and never passes the model", ({
    expect,
  }) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), (length) => {
        const bucket = lengthBucket(length, 4096);
        expect(bucket).toBeGreaterThanOrEqual(length);
        expect(bucket - length).toBeLessThan(Math.max(32, length / 4));
        expect(lengthBucket(bucket, 4096)).toBe(bucket);
        expect(lengthBucket(length, length)).toBe(length);
      }),
    );
  });

  it("refuses a row that the model cannot hold", ({ expect }) => {
    expect(() => lengthBucket(513, 512)).toThrow(RangeError);
  });
});
