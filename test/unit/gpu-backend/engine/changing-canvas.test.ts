import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { Generation } from "../../../../gpu-backend/engine/generation.ts";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import { FlowingText } from "../../../../gpu-backend/engine/generation-text.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import {
  createFakeMaskPredictor,
  type FakeLogits,
  spellingLogits,
} from "../../../support/fake-mask-predictor.ts";
import { createTestEngine, letterDecoder, SPECIAL_TOKENS } from "./engine-bench.ts";

const ENDS = new Set([SPECIAL_TOKENS.endOfTextTokenId, SPECIAL_TOKENS.endOfTurnTokenId]);

async function run(request: SamplingRequest, logits: FakeLogits): Promise<GenerationEvent[]> {
  const canvas = Canvas.start({
    promptTokenIds: [0],
    generationLength: request.generationLength,
    maskTokenId: SPECIAL_TOKENS.maskTokenId,
  });
  const settings = resolveSamplingSettings(request, SPECIAL_TOKENS);
  const { promise, resolve } = Promise.withResolvers<void>();
  const events: GenerationEvent[] = [];
  const engine = createTestEngine(createFakeMaskPredictor({ logits }));
  engine.submit(
    new Generation({
      requestId: "changing",
      tier: "balanced",
      deadlineAt: null,
      process: new ReverseProcess(canvas, settings, createCounterRandom(0, 0)),
      maxLength: 512,
      decoder: letterDecoder,
      text: new FlowingText(letterDecoder, { endTokenIds: ENDS, stops: [] }),
      readHoles: null,
      promptLength: 1,
      isLaidOut: () => true,
      exportState: () => "",
      listener: (event) => {
        events.push(event);
        if (event.type === "finished") resolve();
      },
    }),
  );
  await promise;
  return events;
}

const stepsOf = (events: readonly GenerationEvent[]) =>
  events.filter((event) => event.type === "step");

describe("a generation whose canvas changes", () => {
  it("gives out no text before revision is over, and says what was masked again", async ({
    expect,
  }) => {
    const events = await run(
      { generationLength: 3, blockLength: 3, steps: 3, revisionSteps: 3, revisionThreshold: 1 },
      (_ids, position, count) =>
        Array.from({ length: count }, (_, id) => (id === position ? 5 - position : 0)),
    );
    const steps = stepsOf(events);
    expect(steps.map((step) => step.textDelta)).toEqual(["", "", "", "", "", "bcd"]);
    expect(steps.map((step) => step.remasked)).toEqual([[], [], [3], [2], [1], []]);
    expect(events[0]).toMatchObject({ type: "started", steps: 6 });
    expect(events.at(-1)).toMatchObject({ text: "bcd", usage: { steps: 6, stepsSaved: 0 } });
  });

  it("ends with its text, and bills what was executed", async ({ expect }) => {
    const answer = [1, 2, SPECIAL_TOKENS.endOfTurnTokenId, 4, 5, 6];
    const events = await run(
      { generationLength: 6, blockLength: 6, steps: 6, earlyExit: true },
      spellingLogits((position) => answer[position - 1] ?? 0),
    );
    expect(stepsOf(events).map((step) => step.canvasLength)).toEqual([7, 7, 4]);
    expect(events.at(-1)).toMatchObject({
      text: "bc",
      finishReason: "stop",
      usage: { completionTokens: 2, steps: 3, stepsSaved: 3, forwardPasses: 3, stepUnits: 3 },
    });
  });

  it("moves to the bucket of its length, and pays for each pass by the length it had", async ({
    expect,
  }) => {
    const answer = Array.from({ length: 270 }, (_, index) => index % 20);
    const events = await run(
      { generationLength: 250, adaptiveLength: { maxLength: 270, expansion: 20, endWindow: 1 } },
      spellingLogits((position) => answer[position - 1] ?? 0),
    );
    const steps = stepsOf(events);
    expect(new Set(steps.map((step) => step.canvasLength))).toEqual(new Set([271]));
    expect(steps.map((step) => step.textDelta).join("")).toBe(
      answer.map((id) => letterDecoder.decodeToken(id)).join(""),
    );
    const { usage } = events.find((event) => event.type === "finished") ?? {};
    expect(usage?.stepUnits).toBe(1 + 2 * (steps.length - 1));
  });
});
