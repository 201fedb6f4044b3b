import fc from "fast-check";
import { describe, it } from "vitest";
import { INT4_BLOCK_SIZE } from "../../../../gpu-backend/model/quantization.ts";
import { createQuantizer } from "../../../../gpu-backend/model/quantize-weight.ts";

/** A matrix of any side, with rows of zeros, of one sign and of very different sizes among them. */
const matrices = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 }))
  .chain(([outputs, inputs]) =>
    fc.record({
      outputs: fc.constant(outputs),
      inputs: fc.constant(inputs),
      weights: fc.float32Array({
        minLength: outputs * inputs,
        maxLength: outputs * inputs,
        noNaN: true,
        noDefaultInfinity: true,
        min: -(2 ** 20),
        max: 2 ** 20,
      }),
    }),
  );

/** Rows below it may count as zeros. */
const TINY = 127 * 2 ** -126;

describe("int8 weights", () => {
  it("are within half a level of what they stand for", ({ expect }) => {
    fc.assert(
      fc.property(matrices, ({ outputs, inputs, weights }) => {
        const quantizer = createQuantizer("int8", outputs, inputs);
        quantizer.take(weights);
        const levels = new Int8Array(quantizer.levels.buffer);
        for (const [i, weight] of weights.entries()) {
          const [output, input] = [Math.floor(i / inputs), i % inputs];
          const scale = quantizer.scales[output] ?? Number.NaN;
          const error = Math.abs(weight - (levels[input * outputs + output] ?? 0) * scale);
          expect(error).toBeLessThanOrEqual(Math.max(TINY, scale * 0.50001));
        }
      }),
    );
  });

  it("never saturate a sum of two products in 16 bits, whatever the activations", ({ expect }) => {
    fc.assert(
      fc.property(matrices, ({ outputs, inputs, weights }) => {
        const quantizer = createQuantizer("int8", outputs, inputs);
        quantizer.take(weights);
        const levels = new Int8Array(quantizer.levels.buffer);
        for (let output = 0; output < outputs; output += 1) {
          for (let input = 0; input < inputs; input += 2) {
            const pair = [input, input + 1].map((i) => levels[i * outputs + output] ?? 0);
            const largest = 255 * pair.reduce((sum, level) => sum + Math.abs(level), 0);
            expect(largest).toBeLessThan(2 ** 15);
          }
        }
      }),
    );
  });
});

/** Values that packed levels stand for, `[outputs, inputs padded to whole blocks]`. */
function unpackInt4(levels: Uint8Array, scales: Float32Array): number[] {
  return [...levels].flatMap((byte, i) => {
    const scale = scales[Math.floor((2 * i) / INT4_BLOCK_SIZE)] ?? Number.NaN;
    return [byte & 15, byte >> 4].map((level) => (level - 8) * scale);
  });
}

describe("int4 weights", () => {
  it("are within a level of what they stand for", ({ expect }) => {
    fc.assert(
      fc.property(matrices, ({ outputs, inputs, weights }) => {
        const quantizer = createQuantizer("int4", outputs, inputs);
        quantizer.take(weights);
        const width = Math.ceil(inputs / INT4_BLOCK_SIZE) * INT4_BLOCK_SIZE;
        const values = unpackInt4(quantizer.levels, quantizer.scales);
        for (const [i, weight] of weights.entries()) {
          const place = Math.floor(i / inputs) * width + (i % inputs);
          const scale = Math.abs(quantizer.scales[Math.floor(place / INT4_BLOCK_SIZE)] ?? 0);
          const error = Math.abs(weight - (values[place] ?? Number.NaN));
          expect(error).toBeLessThanOrEqual(Math.max(TINY, scale * 1.00001));
        }
      }),
    );
  });
});

describe("a quantiser", () => {
  it.for(["int8", "int4"] as const)(
    "gives the same %s levels however the rows are cut into slabs",
    (quantization, { expect }) => {
      const [outputs, inputs] = [150, 40];
      const weights = Float32Array.from({ length: outputs * inputs }, (_, i) => Math.sin(i));
      const whole = createQuantizer(quantization, outputs, inputs);
      whole.take(weights);
      const cut = createQuantizer(quantization, outputs, inputs);
      for (const [start, end] of [
        [0, 1],
        [1, 98],
        [98, 150],
      ] as const) {
        cut.take(weights.subarray(start * inputs, end * inputs));
      }
      expect(cut.levels).toEqual(whole.levels);
      expect(cut.scales).toEqual(whole.scales);
    },
  );
});
