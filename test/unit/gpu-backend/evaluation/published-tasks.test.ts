import { describe, it } from "vitest";
import {
  gsm8kPrompt,
  mmluPrompt,
  mmluSchema,
  scoreGsm8k,
} from "../../../../gpu-backend/evaluation/published-tasks.ts";

describe("GSM8K as published", () => {
  it("shows answered questions, then the question", ({ expect }) => {
    const examples = [{ question: "1+1?", answer: "1+1 = <<1+1=2>>2\n#### 2" }];
    expect(gsm8kPrompt(examples, "2+2?")).toBe(
      "Question: 1+1?\nAnswer: 1+1 = <<1+1=2>>2\n#### 2\n\nQuestion: 2+2?\nAnswer:",
    );
  });

  it.for([
    ["#### 18", { strict: true, flexible: true }],
    ["9*2 = 18 dollars.\n#### $18.", { strict: true, flexible: true }],
    ["So she makes 18.", { strict: false, flexible: true }],
    ["#### 180", { strict: false, flexible: false }],
    ["#### 18\n\nQuestion: next?\nAnswer: 5\n#### 5", { strict: true, flexible: true }],
    ["", { strict: false, flexible: false }],
  ] as const)("scores %j", ([text, wanted], { expect }) => {
    expect(scoreGsm8k(text, "16-3-4 = 9\n#### 18")).toEqual(wanted);
  });

  it("reads thousands with and without their comma", ({ expect }) => {
    expect(scoreGsm8k("#### 1,200", "#### 1200").strict).toBe(true);
  });
});

describe("MMLU as published", () => {
  const record = mmluSchema.parse({
    question: "What is 2+2? ",
    choices: ["3", "4", "5", "6"],
    answer: "B",
    subject: "elementary_mathematics",
  });

  it("takes a letter for an answer, or its index", ({ expect }) => {
    expect(record.answer).toBe(1);
    expect(mmluSchema.safeParse({ ...record, answer: 4 }).success).toBe(false);
    expect(mmluSchema.safeParse({ ...record, choices: ["3"] }).success).toBe(false);
  });

  it("lists the choices after answered examples of the subject", ({ expect }) => {
    const asked = "What is 2+2?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:";
    expect(mmluPrompt([record], record)).toBe(
      `The following are multiple choice questions (with answers) about elementary mathematics.\n\n${asked} B\n\n${asked}`,
    );
  });
});
