/** The public API as an OpenAPI 3.1 document, made from the schemas that check it. */
import { z } from "zod";
import { errorBodySchema } from "#shared/contracts/error-body.ts";
import type { AppContext } from "../environment.ts";
import { OPERATIONS, type Operation } from "./openapi-operations.ts";

/** `GET /openapi.json`: written when it is first asked for. */
export function createOpenApiHandler(): (context: AppContext) => Response {
  let document: string | null = null;
  return (context) => {
    document ??= JSON.stringify(describeApi());
    context.header("content-type", "application/json");
    return context.body(document);
  };
}

function describeApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    const methods = paths[operation.path] ?? {};
    methods[operation.method] = describeOperation(operation);
    paths[operation.path] = methods;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Unmask",
      version: "1",
      description:
        "Text from diffusion language models, paid by the denoising step. OpenAI's shapes where " +
        "OpenAI has one; money in whole micro-dollars.",
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        header: { type: "apiKey", in: "header", name: "x-api-key" },
      },
      schemas: { Error: toJsonSchema(errorBodySchema, "output") },
    },
    security: [{ bearer: [] }, { header: [] }],
  };
}

function describeOperation(operation: Operation): object {
  const { summary, bearer, body, status } = operation;
  return {
    summary,
    description: `Needs: ${bearer}.`,
    parameters: describeParameters(operation),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: toJsonSchema(body, "input") } },
          },
        }),
    responses: {
      [status]: {
        description: "Done.",
        content: describeAnswer(operation),
      },
      default: {
        description: "Refused or failed; `error.code` says why.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

function describeAnswer({ answer, isStreamable, isStream }: Operation): object {
  const schema = toJsonSchema(answer, "output");
  // What is told here is the `data` of one event.
  if (isStream) return { "text/event-stream": { schema } };
  const json = { "application/json": { schema } };
  return isStreamable ? { ...json, "text/event-stream": { schema: { type: "string" } } } : json;
}

function describeParameters({ path, query, isStreamable, isStream }: Operation): object[] {
  const text = { type: "string" };
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: text,
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: toJsonSchema(schema as z.ZodType, "output"),
  }));
  const key = { name: "Idempotency-Key", in: "header", required: false, schema: text };
  const lastId = { name: "Last-Event-ID", in: "header", required: false, schema: text };
  return [...inPath, ...inQuery, ...(isStreamable ? [key] : []), ...(isStream ? [lastId] : [])];
}

/** What the schema cannot say in JSON Schema, such as a refinement, is left out. */
function toJsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return described;
}
