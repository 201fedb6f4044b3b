import { describe, it } from "vitest";
import { decodeByTier, decodeInSteps } from "../../../../gpu-backend/evaluation/decodings.ts";
import { openModel } from "../../../../gpu-backend/evaluation/evaluation-model.ts";
import { runItems } from "../../../../gpu-backend/evaluation/run-items.ts";
import { SAMPLE_TEXT } from "../../../../gpu-backend/evaluation/sample-text.ts";
import {
  askedCouplets,
  createTasks,
  maskedCouplets,
  readFinal,
  storyHoles,
  sums,
  wordProblems,
} from "../../../../gpu-backend/evaluation/tasks.ts";

const EMBEDDED = new URL("../../../../gpu-backend/model/default", import.meta.url).pathname;
const COUPLET = { first: "白日依山尽", second: "黄河入海流" };
const nothing = { text: "", holes: [], tokenIds: [] };

describe("tasks", async () => {
  const model = await openModel(EMBEDDED);

  it("hides a whole line of a couplet, either one", ({ expect }) => {
    const [next] = maskedCouplets(model, [COUPLET], "next");
    const [previous] = maskedCouplets(model, [COUPLET], "previous");
    const hole = { minLength: 5, maxLength: 5 };
    expect(next?.input).toEqual({ kind: "template", parts: ["白日依山尽，", hole, "。"] });
    expect(previous?.input).toEqual({ kind: "template", parts: [hole, "，黄河入海流。"] });
    expect(next?.score({ ...nothing, holes: ["黄河入海流"] })).toBe(1);
    expect(next?.score({ ...nothing, holes: ["黄河入海"] })).toBe(0);
    expect(previous?.score({ ...nothing, holes: ["白日依山尽"] })).toBe(1);
  });

  it("asks for a line and takes it with its punctuation, and with nothing else", ({ expect }) => {
    const [item] = askedCouplets([COUPLET], "previous", 16);
    expect(item?.input).toEqual({
      kind: "chat",
      content: "黄河入海流的上一句是什么？直接输出句子即可。",
    });
    expect(item?.score({ ...nothing, text: "白日依山尽。" })).toBe(1);
    expect(item?.score({ ...nothing, text: "答：白日依山尽。" })).toBe(0);
  });

  it("reads the number after the mark", ({ expect }) => {
    expect(readFinal("12+7 = 19\n#### 19")).toBe("19");
    expect(readFinal("#### $1,234")).toBe("1234");
    expect(readFinal("#### -3 apples")).toBe("-3");
    expect(readFinal("it is 19")).toBeNull();
    const [problem] = wordProblems([{ question: "?", answer: "", final: "18" }]);
    expect(problem?.score({ ...nothing, text: "#### 18" })).toBe(1);
    expect(problem?.score({ ...nothing, text: "#### 181" })).toBe(0);
  });

  it("sets sums of every kind that no result of which is negative", ({ expect }) => {
    const items = sums(120);
    const asked = items.map(({ input }) => (input.kind === "chat" ? input.content : ""));
    expect(new Set(asked).size).toBeGreaterThan(100);
    for (const [index, request] of asked.entries()) {
      const [, a = "", sign = "", b = ""] = /^What is (\d+)([-+*])(\d+)\?$/.exec(request) ?? [];
      const [x, y] = [Number(a), Number(b)];
      const result = sign === "+" ? x + y : sign === "-" ? x - y : x * y;
      expect(result).toBeGreaterThanOrEqual(0);
      expect(items[index]?.score({ ...nothing, text: `#### ${result}` })).toBe(1);
      expect(items[index]?.score({ ...nothing, text: `#### ${result + 1}` })).toBe(0);
    }
  });

  it("hides eight tokens of a story and counts those that come back", ({ expect }) => {
    const [item, ...others] = storyHoles(model, [SAMPLE_TEXT, "Too short."]);
    expect(others).toEqual([]);
    const hidden = item?.hidden ?? [];
    expect(hidden.length).toBe(8);
    expect(item?.score({ ...nothing, tokenIds: hidden })).toBe(1);
    expect(item?.score({ ...nothing, tokenIds: [...hidden.slice(0, 4), 0, 0, 0, 0] })).toBe(0.5);
  });

  it("leaves out what needs the corpus where there is none", ({ expect }) => {
    const names = createTasks(model, null, true).map(({ name }) => name);
    expect(names).toEqual(["sums", "stories"]);
  });

  it("runs through the engine: same answers again, a tier's price, fewer passes for fewer steps", {
    timeout: 60_000,
  }, async ({ expect }) => {
    const items = sums(3);
    const quality = await runItems(model, decodeByTier("quality"), items);
    const again = await runItems(model, decodeByTier("quality"), items.slice(1, 2));
    expect(again[0]?.outcome).toEqual(quality[1]?.outcome);
    expect(quality[0]?.outcome.usage.forwardPasses).toBe(20);
    expect(quality[0]?.price).toBe(20 * 20);
    const [few] = await runItems(model, decodeInSteps(4), items);
    expect(few?.outcome.usage.forwardPasses).toBe(4);
    expect(few?.outcome.tokenIds.length).toBe(20);
  });

  it("never runs an item with more steps than it has tokens", ({ expect }) => {
    const [item] = maskedCouplets(model, [COUPLET], "next");
    if (item === undefined) throw new Error("no item");
    expect(decodeInSteps(32).parametersFor(item).steps).toBe(5);
    expect(decodeByTier("draft").parametersFor(item).early_exit).toBe(false);
  });
});
