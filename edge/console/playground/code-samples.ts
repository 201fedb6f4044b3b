/** A request as code that people paste: the key is read from the environment, never written. */
import type { GenerationRequest } from "../../../shared/sdk/api-types.ts";

/** A way to make the request. */
export interface CodeSample {
  readonly title: string;
  readonly code: string;
}

/** The request for a shell, for the `openai` package where it can say it, and for the SDK. */
export function writeSamples(request: GenerationRequest, baseUrl: string): CodeSample[] {
  const samples = [
    { title: "curl", code: writeCurl(request, baseUrl) },
    { title: "SDK", code: writeSdk(request, baseUrl) },
  ];
  if (request.template) return samples;
  return [...samples, { title: "openai", code: writeOpenAi(request, baseUrl) }];
}

function writeCurl(request: GenerationRequest, baseUrl: string): string {
  const body = JSON.stringify(request, null, 2).replaceAll("'", "'\\''");
  return `curl -s ${baseUrl}/generations \\
  -H "authorization: Bearer $UNMASK_API_KEY" \\
  -H "content-type: application/json" \\
  -d '${body}'`;
}

function writeSdk(request: GenerationRequest, baseUrl: string): string {
  return `import { Unmask } from "@unmask/sdk";

const unmask = new Unmask({
  apiKey: process.env.UNMASK_API_KEY,
  baseUrl: ${JSON.stringify(baseUrl)},
});
const stream = unmask.stream(${JSON.stringify(request, null, 2)});
for await (const { event, canvas } of stream) {
  if (event.type === "step") console.log(event.step, canvas.toText("░"));
}
console.log((await stream.final()).text);`;
}

function writeOpenAi({ prompt, ...request }: GenerationRequest, baseUrl: string): string {
  const isChat = Boolean(request.messages);
  const body = { model: "default", ...(isChat ? {} : { prompt }), ...request };
  const call = isChat ? "chat.completions" : "completions";
  const text = isChat ? "answer.choices[0].message.content" : "answer.choices[0].text";
  return `import OpenAI from "openai";

const client = new OpenAI({
  apiKey: process.env.UNMASK_API_KEY,
  baseURL: ${JSON.stringify(baseUrl)},
});
const answer = await client.${call}.create(${JSON.stringify(body, null, 2)});
console.log(${text});`;
}
