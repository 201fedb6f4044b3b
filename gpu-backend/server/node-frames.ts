import type { CanvasChange, NodeFrame, Receipt, Score } from "#shared/contracts/node-wire.ts";
import type {
  FinishedEvent,
  GenerationUsage,
  PassEvent,
  ScoredLikelihood,
  StartedEvent,
  StepEvent,
} from "../engine/generation-event.ts";

/** What is told of a run beside its text. */
export interface FrameDetail {
  /** Says the tokens of a canvas that is shown; null where only the text is. */
  readonly decodeToken: ((tokenId: number) => string) | null;
  /** Writes a step's state; null where the run cannot be resumed. */
  readonly exportState: (() => string) | null;
}

/** Writes an event of a run that goes on as a frame of the wire. */
export function toProgressFrame(
  event: StartedEvent | StepEvent | PassEvent,
  { decodeToken, exportState }: FrameDetail,
): NodeFrame {
  if (event.type === "started") {
    return {
      type: "started",
      prompt_tokens: event.promptLength,
      generation_length: event.generationLength,
      steps: event.steps,
      block_length: event.blockLength,
      ...(decodeToken === null ? {} : { given: [...event.given] }),
    };
  }
  if (event.type === "pass") {
    return {
      type: "step",
      step: event.step,
      block: 0,
      committed: [],
      masked_count: 0,
      forward_passes: event.forwardPasses,
      step_units: event.stepUnits,
      text_delta: "",
    };
  }
  return {
    type: "step",
    step: event.step,
    block: event.block,
    committed: event.committed.map(({ position, tokenId, confidence, text }) => ({
      position,
      token_id: tokenId,
      confidence,
      text,
    })),
    masked_count: event.maskedCount,
    forward_passes: event.forwardPasses,
    step_units: event.stepUnits,
    ...(decodeToken === null ? {} : { canvas: toCanvasChange(event, decodeToken) }),
    ...(exportState === null ? {} : { state: exportState() }),
    text_delta: event.textDelta,
  };
}

function toCanvasChange(
  { provisional, remasked, resize, canvasLength }: StepEvent,
  decodeToken: (tokenId: number) => string,
): CanvasChange {
  return {
    provisional: provisional.map(({ position, tokenId, confidence }) => ({
      position,
      token_id: tokenId,
      confidence,
      text: decodeToken(tokenId),
    })),
    remasked: [...remasked],
    resize:
      resize?.kind === "insert"
        ? { kind: "insert", position: resize.column, count: resize.count }
        : resize,
    length: canvasLength,
  };
}

/** Writes the last event as a frame: `done` for a whole answer, `error` for any other end. */
export function toLastFrame(
  event: FinishedEvent,
  receipt: Receipt,
  signedReceipt: string,
): NodeFrame {
  if (event.outcome === "completed") {
    return {
      type: "done",
      finish_reason: event.finishReason,
      text: event.text,
      ...(event.holes === null
        ? {}
        : {
            holes: event.holes.map(({ text, tokenCount }) => ({ text, token_count: tokenCount })),
          }),
      ...(event.scores === undefined ? {} : { scores: event.scores.map(toScore) }),
      hastened_steps: event.usage.hastenedSteps,
      receipt,
      signed_receipt: signedReceipt,
    };
  }
  return {
    type: "error",
    code: event.error.code,
    message: event.error.message,
    param: event.error.param,
    signed_receipt: receipt.step_units > 0 ? signedReceipt : null,
  };
}

function toScore(score: ScoredLikelihood): Score {
  return {
    log_likelihood: score.logLikelihood,
    standard_error: score.standardError,
    samples: score.samples,
    tokens: score.tokenCount,
  };
}

/** Writes the bill of a generation. */
export function toReceipt(
  requestId: string,
  nodeId: string,
  outcome: Receipt["outcome"],
  usage: GenerationUsage,
): Receipt {
  return {
    request_id: requestId,
    node_id: nodeId,
    outcome,
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    steps: usage.steps,
    forward_passes: usage.forwardPasses,
    step_units: usage.stepUnits,
  };
}
