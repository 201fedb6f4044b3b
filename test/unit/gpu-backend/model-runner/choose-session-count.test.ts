import { describe, it } from "vitest";
import { chooseSessionCount } from "../../../../gpu-backend/model-runner/choose-session-count.ts";

const small = { executionProvider: "cpu", coreCount: 4, parameterCount: 5_000_000 } as const;

describe("chooseSessionCount", () => {
  it("gives a small network a session for each core", ({ expect }) => {
    expect(chooseSessionCount(small)).toBe(4);
  });

  it("gives none where one core, a device or large weights make them useless", ({ expect }) => {
    expect(chooseSessionCount({ ...small, coreCount: 1 })).toBe(0);
    expect(chooseSessionCount({ ...small, executionProvider: "cuda" })).toBe(0);
    expect(chooseSessionCount({ ...small, parameterCount: 8_000_000_000 })).toBe(0);
  });

  it("never takes a few of them: a core without one would idle", ({ expect }) => {
    for (let coreCount = 2; coreCount < 64; coreCount += 1) {
      expect([0, coreCount]).toContain(chooseSessionCount({ ...small, coreCount }));
    }
  });
});
