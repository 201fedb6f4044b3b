/** An answer that is given again. */
import type { KeptAnswer } from "../accounts/claims.ts";
import type { RelayedEvent } from "../streaming/chunk-stream.ts";
import type { RunningGeneration } from "./running-generation.ts";

/** Nothing runs, so nothing is left to stop. */
const nothingToDo = () => undefined;

/** A kept answer as a generation that has just ended, so that every skin can tell it. */
export function replay(answer: KeptAnswer): RunningGeneration {
  return {
    id: answer.generationId,
    model: answer.model,
    createdAt: answer.createdAt,
    events: tell(answer),
    finish: nothingToDo,
    abandon: nothingToDo,
    isAbandoned: () => false,
  };
}

async function* tell({
  text,
  holes,
  scores,
  finishReason,
  usage,
}: KeptAnswer): AsyncGenerator<RelayedEvent, void, void> {
  yield { type: "text", text };
  yield {
    type: "answer",
    text,
    finishReason,
    usage,
    ...(holes && { holes }),
    ...(scores && { scores }),
  };
}
