import { describe, it } from "vitest";
import { quoteSchema } from "../../shared/contracts/billing.ts";
import { readError } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";

const messages = [{ role: "user" as const, content: "Who?" }];
const path = "/v1/chat/completions";
const stage = useEdgeStage();

const ask = (json: object) =>
  stage.edge.send("POST", path, { key: stage.account.inferenceKey, json });

describe("a chat completion of JSON", () => {
  it("with a schema asks the node for JSON, held for with the passes of its lengths", async ({
    expect,
  }) => {
    const schema = { type: "object", properties: { name: { type: "string" } } };
    const json = {
      messages,
      max_tokens: 16,
      steps: 8,
      response_format: { type: "json_schema", json_schema: { name: "person", schema } },
    };
    expect((await ask(json)).status).toBe(200);
    expect(stage.node.requests.at(-1)?.input).toEqual({ type: "json", messages, schema });
    const response = await stage.edge.send("POST", "/v1/quote", {
      key: stage.account.inferenceKey,
      json,
    });
    const [quoted] = quoteSchema.parse(await response.json()).data;
    // Eight steps and as many rows for lengths, on the model's 512 positions.
    expect(quoted).toMatchObject({ max_steps: 8, max_step_units: 32 });
  });

  it.for([
    ["schema_not_supported", "schema.properties.a.pattern"],
    ["no_hole", "schema"],
  ] as const)(
    "is told by its own name what of its schema is refused: %s",
    async ([code, param], { expect }) => {
      stage.node.script = (exchange) => exchange.refuse(code, param);
      const json_schema = { name: "any", schema: {} };
      const error = await readError(
        await ask({ messages, response_format: { type: "json_schema", json_schema } }),
      );
      const told = `response_format.json_schema.${param}`;
      expect(error).toMatchObject({ status: 400, code, param: told });
    },
  );

  it.for([
    [{ type: "json_schema" }, "missing_parameter", "response_format.json_schema"],
    [
      { type: "json_schema", json_schema: { name: "any" } },
      "missing_parameter",
      "response_format.json_schema.schema",
    ],
    [{ type: "json_object" }, "unsupported_parameter", "response_format.type"],
  ] as const)("refuses the format %j", async ([response_format, code, param], { expect }) => {
    const heard = stage.node.requests.length;
    const error = await readError(await ask({ messages, response_format }));
    expect(error).toMatchObject({ status: 400, code, param });
    expect(stage.node.requests).toHaveLength(heard);
  });
});
