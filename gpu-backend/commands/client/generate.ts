import { generationRequestSchema } from "#shared/contracts/generations.ts";
import type { NodeFrame } from "#shared/contracts/node-wire.ts";
import { parseParameters } from "#shared/contracts/parse-parameters.ts";
import { toTier } from "#shared/contracts/public-api.ts";
import { fillTemplate, joinHoles } from "#shared/contracts/template.ts";
import { DEFAULT_TIER } from "#shared/contracts/tiers.ts";
import type { GenerationRequest, StartedEvent, StepEvent } from "#shared/sdk/api-types.ts";
import { Canvas } from "#shared/sdk/canvas.ts";
import { DEFAULT_CHECKPOINT } from "../../config.ts";
import type { Command, Flags } from "../command.ts";
import { PlainText } from "../plain-text.ts";
import { REQUEST_FLAGS, REQUEST_USAGE, readGenerationRequest } from "./generation-request.ts";
import { LiveCanvas } from "./live-canvas.ts";
import { CLIENT_FLAGS, openClient, readUrl } from "./open-client.ts";
import { runLocally } from "./run-locally.ts";

/** `unmask generate`: a text, and the canvas while it fills. */
export const generateCommand: Command = {
  usage: `generate ${REQUEST_USAGE} [--url URL --key KEY | --checkpoint DIR] [--json]`,
  summary:
    "Generates by a deployment (--url or UNMASK_URL), else in this process. The canvas fills on the " +
    "terminal; [[5]] and [[3-8]] in the prompt are holes. --json answers everything as one object.",
  examples: [
    'generate "Tell me a story about a cat."',
    'generate "Tom is a [[1-3]] cat who likes to [[4]]."',
    'generate "Once upon a time" --text --tier draft --tokens 96 --json',
  ],
  flags: { ...REQUEST_FLAGS, ...CLIENT_FLAGS, checkpoint: "optional", json: "switch" },
  positionalFlag: "prompt",
  async run(flags, _writeProgress, terminal = null) {
    const request = await readGenerationRequest(flags);
    const live = terminal === null || flags["json"] !== undefined ? null : new LiveCanvas(terminal);
    const isRemote = flags["checkpoint"] === undefined && readUrl(flags) !== null;
    const answer = isRemote
      ? await generateRemotely(flags, request, live)
      : await generateHere(flags, request, live);
    live?.clear();
    return flags["json"] === undefined ? new PlainText(answer.text) : answer;
  },
};

/** The text, of a template all of it, and what `--json` prints beside it. */
type Answer = { readonly text: string };

async function generateRemotely(
  flags: Flags,
  request: GenerationRequest,
  live: LiveCanvas | null,
): Promise<Answer> {
  const stream = openClient(flags, "inference").stream(request);
  for await (const { event, canvas } of stream) {
    if (event.type === "step" && canvas !== null) live?.draw(canvas, caption(event));
  }
  return await stream.final();
}

async function generateHere(
  flags: Flags,
  request: GenerationRequest,
  live: LiveCanvas | null,
): Promise<Answer> {
  const checked = parseParameters(generationRequestSchema, request);
  const asked = toTier(checked);
  // In this process nobody waits before it: the default has time.
  const tier = asked === "auto" ? DEFAULT_TIER : asked;
  const checkpointDirectory = flags["checkpoint"] ?? DEFAULT_CHECKPOINT;
  let canvas: Canvas | null = null;
  for await (const frame of runLocally({ checkpointDirectory, request: checked, tier })) {
    if (frame.type === "started") canvas = Canvas.begin(toStarted(frame, tier));
    if (frame.type === "step" && canvas !== null) {
      const step = toStep(frame);
      canvas = canvas.apply(step);
      live?.draw(canvas, caption(step));
    }
    if (frame.type === "done") {
      const { finish_reason, hastened_steps, receipt } = frame;
      const filled = fillHoles(checked.template, frame);
      return { ...filled, ...{ finish_reason, hastened_steps, tier, usage: toUsage(receipt) } };
    }
  }
  throw new Error("The node ended without an answer.");
}

function fillHoles(
  template: Parameters<typeof joinHoles>[0] | null | undefined,
  { text, holes }: Frame<"done">,
) {
  const joined = template ? joinHoles(template, holes ?? []) : null;
  return { text: template && joined ? fillTemplate(template, joined) : text, holes: joined };
}

function caption({ step, masked_count: left, forward_passes: passes }: StepEvent): string {
  return `step ${step}, ${passes} passes, ${left} masked`;
}

type Frame<Type extends NodeFrame["type"]> = Extract<NodeFrame, { type: Type }>;

function toStarted(frame: Frame<"started">, tier: string): StartedEvent {
  const { generation_length: length, ...rest } = frame;
  const canvas_length = frame.prompt_tokens + length;
  return { ...rest, given: frame.given ?? [], id: "", created: 0, model: "", tier, canvas_length };
}

function toStep({ canvas, state: _, ...frame }: Frame<"step">): StepEvent {
  const change = canvas ?? { provisional: [], remasked: [], resize: null, length: 0 };
  return { ...frame, ...change, cost: 0 };
}

function toUsage({
  prompt_tokens,
  completion_tokens,
  steps,
  forward_passes,
  step_units,
}: Frame<"done">["receipt"]) {
  return { prompt_tokens, completion_tokens, steps, forward_passes, step_units };
}
