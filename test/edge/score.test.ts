import { beforeEach, describe, it } from "vitest";
import { scoreAnswerSchema } from "../../shared/contracts/score.ts";
import { readError } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { testRouteSecurity } from "./route-security.ts";
import type { NodeScript } from "./scripted-node.ts";

const path = "/v1/score";
const prompt = "The sky is";
const answers = [" green", " blue"];
const scoreOf = (log_likelihood: number) => ({
  log_likelihood,
  standard_error: 0.25,
  samples: 32,
  tokens: 2,
});
/** Finds the second answer likelier. */
const scoreBoth: NodeScript = (exchange) =>
  exchange.complete(["", ""], { completion_tokens: 0 }, { scores: [scoreOf(-9), scoreOf(-2)] });

const stage = useEdgeStage();
beforeEach(() => {
  stage.node.script = scoreBoth;
});

const ask = (json: object, headers: Record<string, string> = {}) =>
  stage.edge.send("POST", path, { key: stage.account.inferenceKey, json, headers });

describe("a score", () => {
  it("answers each answer's likelihood, the best and the bill", async ({ expect }) => {
    const answer = scoreAnswerSchema.parse(await (await ask({ prompt, answers })).json());
    expect(answer).toMatchObject({
      object: "score",
      model: stage.node.model.id,
      answers: [scoreOf(-9), scoreOf(-2)],
      best: 1,
      usage: { completion_tokens: 0, steps: 2, step_units: 2 },
    });
    // Two answers of 32 rows each were held for, two rows were fed.
    const { cost, refunded } = answer.usage;
    expect(cost + refunded).toBe(32 * cost);
  });

  it("asks a node with a step for each row, after a text or a conversation", async ({ expect }) => {
    await (await ask({ prompt, answers, samples: 16, cfg_scale: 1, seed: 5 })).json();
    const request = stage.node.requests.at(-1);
    expect(request?.input).toEqual({
      type: "score",
      prompt: { type: "text", text: prompt },
      answers,
      samples: 16,
    });
    expect(request?.parameters).toMatchObject({ steps: 32, cfg_scale: 1, seed: 5 });
    const messages = [{ role: "user" as const, content: "Which?" }];
    await (await ask({ messages, answers })).json();
    expect(stage.node.requests.at(-1)?.input).toMatchObject({
      prompt: { type: "messages", messages },
      samples: 32,
    });
  });

  it("is given again under its idempotency key, and runs once", async ({ expect }) => {
    const headers = { "idempotency-key": "score-once" };
    const first = await (await ask({ prompt, answers }, headers)).json();
    const heard = stage.node.requests.length;
    expect(await (await ask({ prompt, answers }, headers)).json()).toEqual(first);
    expect(stage.node.requests).toHaveLength(heard);
  });

  it("is told by its own name what the node refuses, and fails without scores", async ({
    expect,
  }) => {
    for (const [param, told] of [
      ["input", "prompt"],
      ["answers.1", "answers.1"],
    ] as const) {
      stage.node.script = (exchange) => exchange.refuse("context_length_exceeded", param);
      const error = await readError(await ask({ prompt, answers }));
      expect(error).toMatchObject({ status: 400, code: "context_length_exceeded", param: told });
    }
    stage.node.script = (exchange) => exchange.complete([""]);
    expect(await readError(await ask({ prompt, answers }))).toMatchObject({ code: "node_failed" });
  });

  it.for([
    [{ answers }, "missing_parameter", "prompt"],
    [
      { prompt, messages: [{ role: "user", content: "x" }], answers },
      "invalid_parameter",
      "prompt",
    ],
    [{ prompt: " ", answers }, "empty_prompt", "prompt"],
    [{ messages: [], answers }, "empty_prompt", "messages"],
    [{ prompt }, "missing_parameter", "answers"],
    [{ prompt, answers: [] }, "invalid_parameter", "answers"],
    [{ prompt, answers: Array(9).fill("a") }, "invalid_parameter", "answers"],
    [{ prompt, answers: ["a", ""] }, "invalid_parameter", "answers.1"],
    [{ prompt, answers, samples: 129 }, "invalid_parameter", "samples"],
    [{ prompt, answers: ["a".repeat(200_000)] }, "context_length_exceeded", "answers"],
    [{ prompt, answers, tier: "fast" }, "unknown_parameter", "tier"],
  ] as const)("refuses %j", async ([json, code, param], { expect }) => {
    const heard = stage.node.requests.length;
    expect(await readError(await ask(json))).toMatchObject({ status: 400, code, param });
    expect(stage.node.requests).toHaveLength(heard);
  });
});

testRouteSecurity(() => stage.edge, {
  method: "POST",
  path,
  json: { prompt, answers },
  scopes: ["inference"],
});
