/**
 * A fake upstream in a thread of its own: a node of ours and a provider of OpenAI's kind, the same
 * text from both, at once. It does as little as it can, so that what is timed is the gateway.
 */
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import type {
  NodeFrame,
  NodeGenerationRequest,
  NodeModel,
  Receipt,
} from "../../../shared/contracts/node-wire.ts";
import type { UpstreamSettings } from "./fake-upstream.ts";

const { grantSecret, pieces }: UpstreamSettings = workerData;
const text = pieces.join("");

const model: NodeModel = {
  id: "fake",
  max_length: 512,
  vocabulary_size: 1024,
  parameter_count: 1_000_000,
  weights_digest: "ab".repeat(32),
  created: 1_760_000_000,
};

/** What a provider of OpenAI's kind answers; the id is its own, as ours is. */
const completion = JSON.stringify({
  id: "chatcmpl-fake",
  object: "chat.completion",
  created: model.created,
  model: model.id,
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
});

const server = createServer((request, response) => {
  if (request.url === "/model") answerJson(response, JSON.stringify(model));
  else void readBody(request).then((body) => answer(request.url ?? "", body, response));
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  parentPort?.postMessage(typeof address === "object" ? address?.port : null);
});

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function answer(path: string, body: string, response: ServerResponse): void {
  if (path === "/v1/chat/completions") {
    JSON.parse(body);
    answerJson(response, completion);
  } else if (path === "/generations") {
    const { request_id: requestId }: NodeGenerationRequest = JSON.parse(body);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const frame of tellGeneration(requestId)) {
      response.write(`data: ${JSON.stringify(frame)}\n\n`);
    }
    response.end();
  } else response.writeHead(404).end();
}

function answerJson(response: ServerResponse, json: string): void {
  response.setHeader("content-type", "application/json");
  response.end(json);
}

/** A step for each piece, then the end with its receipt. */
function tellGeneration(requestId: string): NodeFrame[] {
  const steps = pieces.map((piece, i) => ({
    type: "step" as const,
    step: i + 1,
    block: 0,
    committed: [],
    masked_count: pieces.length - i - 1,
    forward_passes: i + 1,
    step_units: i + 1,
    text_delta: piece,
  }));
  const receipt: Receipt = {
    request_id: requestId,
    node_id: "fake",
    outcome: "completed",
    prompt_tokens: 5,
    completion_tokens: 3,
    steps: pieces.length,
    forward_passes: pieces.length,
    step_units: pieces.length,
  };
  const done = {
    type: "done" as const,
    finish_reason: "stop" as const,
    text,
    hastened_steps: 0,
    receipt,
    signed_receipt: sign(receipt),
  };
  return [{ type: "queued", ahead: 0 }, ...steps, done];
}

/** As signed-token.ts does, without a promise: this thread is not what is timed. */
function sign(receipt: Receipt): string {
  const body = Buffer.from(JSON.stringify(receipt)).toString("base64url");
  return `${body}.${createHmac("sha256", grantSecret).update(body).digest("base64url")}`;
}
