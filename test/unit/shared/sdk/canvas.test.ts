import { describe, it } from "vitest";
import { Canvas } from "../../../../shared/sdk/canvas.ts";
import { at, step } from "./scripted-api.ts";

const begin = (given: { position: number; text: string }[] = []) =>
  Canvas.begin({
    type: "started",
    id: "gen_1",
    created: 1,
    model: "m",
    tier: "fast",
    prompt_tokens: 2 + given.length,
    canvas_length: 6,
    steps: 4,
    block_length: 4,
    given,
  });

const statuses = (canvas: Canvas) => canvas.positions.map(({ status }) => status[0]).join("");

describe("the SDK's canvas", () => {
  it("begins masked after the prompt, but for what a template gives", ({ expect }) => {
    expect(statuses(begin())).toBe("mmmm");
    const template = begin([{ position: 3, text: "cat" }]);
    expect(template.start).toBe(2);
    expect(statuses(template)).toBe("mgmm");
    expect(template.toText("_")).toBe("_cat__");
  });

  it("holds what was committed and shows what is provisional for one step", ({ expect }) => {
    const first = begin().apply(step(1, { committed: [at(2, "a")], provisional: [at(3, "b")] }));
    expect(statuses(first)).toBe("cpmm");
    expect(first.maskedCount).toBe(3);
    const second = first.apply(step(2, { provisional: [at(5, "d")] }));
    expect(statuses(second)).toBe("cmmp");
    expect(statuses(first)).toBe("cpmm");
  });

  it("masks again, inserts and truncates after it commits", ({ expect }) => {
    const filled = begin().apply(step(1, { committed: [at(2, "a"), at(3, "b"), at(4, "c")] }));
    expect(statuses(filled.apply(step(2, { remasked: [3] })))).toBe("cmcm");
    const insert = { kind: "insert", position: 3, count: 2 } as const;
    expect(statuses(filled.apply(step(2, { resize: insert })))).toBe("cmmccm");
    const truncate = { kind: "truncate", length: 4 } as const;
    expect(filled.apply(step(2, { resize: truncate })).toText()).toBe("ab");
  });
});
