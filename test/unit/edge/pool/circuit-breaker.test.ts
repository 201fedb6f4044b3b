import { describe, it } from "vitest";
import { CircuitBreakers } from "../../../../edge/pool/circuit-breaker.ts";

const NODE = "http://a";

describe("a node's circuit", () => {
  it("is closed until the node fails, then open for a rest that doubles, up to a limit", ({
    expect,
  }) => {
    const breakers = new CircuitBreakers();
    expect(breakers.isResting(NODE, 0)).toBe(false);
    const rests: number[] = [];
    let nowMs = 0;
    for (let failure = 0; failure < 8; failure += 1) {
      breakers.fail(NODE, nowMs);
      const failedAt = nowMs;
      while (breakers.isResting(NODE, nowMs)) nowMs += 500;
      rests.push(nowMs - failedAt);
    }
    expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(breakers.isResting("http://b", 0)).toBe(false);
  });

  it("lets one request through after a rest, and all once that one has begun", ({ expect }) => {
    const breakers = new CircuitBreakers();
    breakers.fail(NODE, 0);
    expect(breakers.isResting(NODE, 1_000)).toBe(false);
    breakers.probe(NODE, 1_000);
    expect(breakers.isResting(NODE, 1_001)).toBe(true);
    breakers.succeed(NODE);
    expect(breakers.isResting(NODE, 1_002)).toBe(false);
    breakers.fail(NODE, 1_003);
    expect(breakers.isResting(NODE, 2_002)).toBe(true);
    expect(breakers.isResting(NODE, 2_003)).toBe(false);
  });
});
