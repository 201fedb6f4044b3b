import fc from "fast-check";
import { describe, it } from "vitest";
import {
  CLOSE_BUCKET_STEP,
  lengthBucket,
  SHARED_BUCKET_STEP,
} from "../../../../gpu-backend/canvas/length-bucket.ts";

describe("lengthBucket", () => {
  it("is the smallest of few fixed lengths that holds the row", ({ expect }) => {
    const buckets = Array.from({ length: 600 }, (_, i) => lengthBucket(i + 1, 4096));
    expect([...new Set(buckets)]).toEqual([
      32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640,
    ]);
  });

  it.for([
    [SHARED_BUCKET_STEP, 4],
    [CLOSE_BUCKET_STEP, 16],
  ] as const)(
    "holds the row, wastes little, grows with the row and never passes the model: step %d",
    ([step, share], { expect }) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 4096 }), (length) => {
          const bucket = lengthBucket(length, 4096, step);
          expect(bucket).toBeGreaterThanOrEqual(length);
          expect(bucket - length).toBeLessThan(Math.max(step, length / share));
          expect(lengthBucket(bucket, 4096, step)).toBe(bucket);
          expect(lengthBucket(length, length, step)).toBe(length);
        }),
      );
    },
  );

  it("is with the larger step never less than with the smaller", ({ expect }) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), fc.nat(4096), (length, more) => {
        const maxLength = length + more;
        const close = lengthBucket(length, maxLength, CLOSE_BUCKET_STEP);
        const shared = lengthBucket(length, maxLength, SHARED_BUCKET_STEP);
        expect(close).toBeLessThanOrEqual(shared);
        expect(lengthBucket(close, maxLength, SHARED_BUCKET_STEP)).toBe(shared);
      }),
    );
  });

  it("refuses a row that the model cannot hold", ({ expect }) => {
    expect(() => lengthBucket(513, 512)).toThrow(RangeError);
  });
});
