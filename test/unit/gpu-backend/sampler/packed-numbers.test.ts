import fc from "fast-check";
import { describe, it } from "vitest";
import {
  packFlags,
  packFloats,
  packIds,
  unpackFlags,
  unpackFloats,
  unpackIds,
} from "../../../../gpu-backend/sampler/packed-numbers.ts";

describe("packed numbers", () => {
  it("come back as they were", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.int32Array(),
        fc.float32Array({ noNaN: true }),
        fc.uint8Array({ max: 1 }),
        (ids, floats, flags) => {
          expect(unpackIds(packIds(ids))).toEqual(ids);
          expect(unpackFloats(packFloats(floats))).toEqual(floats);
          expect(unpackFlags(packFlags(flags))).toEqual(flags);
        },
      ),
    );
  });

  it("take a byte for each repeated id", ({ expect }) => {
    const masks = new Int32Array(300).fill(126_336);
    expect(atob(packIds(masks))).toHaveLength(3 + 299);
  });

  it("are refused when cut off or out of range", ({ expect }) => {
    expect(() => unpackIds(btoa("\x80"))).toThrow(RangeError);
    expect(() => unpackIds(btoa("\xff\xff\xff\xff\xff\x7f"))).toThrow(RangeError);
    expect(() => unpackFloats(btoa("abc"))).toThrow(RangeError);
  });
});
