/** What the engine's tests share: requests in numbers, a predictor that waits, events by request. */
import {
  createGeneration,
  type GenerationOrder,
} from "../../../../gpu-backend/engine/create-generation.ts";
import { Engine } from "../../../../gpu-backend/engine/engine.ts";
import type { Generation } from "../../../../gpu-backend/engine/generation.ts";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import type { LogFields, Logger } from "../../../../gpu-backend/engine/logger.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
} from "../../../../shared/contracts/node-wire.ts";

/** Ids 0 to 28 are letters; then end-of-turn, end-of-text and the mask. */
export const SPECIAL_TOKENS = { endOfTurnTokenId: 29, endOfTextTokenId: 30, maskTokenId: 31 };

/** One lower-case letter a token; special tokens have none. */
const letter = (id: number): string => (id < 29 ? String.fromCodePoint(97 + id) : "");
export const letterDecoder = {
  decode: (tokenIds: readonly number[]): string => tokenIds.map(letter).join(""),
  decodeToken: letter,
};

export const letterCodec = {
  encode: (text: string) => [...text].map((character) => character.charCodeAt(0) - 97),
  texts: Array.from({ length: 32 }, (_, id) => (id < 29 ? letter(id) : null)),
};

/** A request, its events as they come, and the last of them. */
export interface WatchedGeneration {
  readonly generation: Generation;
  readonly events: GenerationEvent[];
  readonly finished: Promise<Extract<GenerationEvent, { type: "finished" }>>;
}

let requestCount = 0;

export function watchGeneration(
  promptTokenIds: readonly number[],
  parameters: Partial<GenerationParameters> & { max_tokens: number },
  rest: Pick<GenerationOrder, "template"> = {},
): WatchedGeneration {
  const events: GenerationEvent[] = [];
  const { promise, resolve } =
    Promise.withResolvers<Extract<GenerationEvent, { type: "finished" }>>();
  requestCount += 1;
  const generation = createGeneration(
    {
      requestId: `request-${requestCount}`,
      promptTokenIds,
      ...rest,
      parameters: generationParametersSchema.parse(parameters),
      receivedAt: 0,
      listener: (event) => {
        events.push(event);
        if (event.type === "finished") resolve(event);
      },
    },
    {
      maxLength: 512,
      specialTokens: SPECIAL_TOKENS,
      decoder: letterDecoder,
      codec: letterCodec,
    },
  );
  return { generation, events, finished: promise };
}

/** A predictor whose passes end when the test lets them. */
export interface HeldPredictor extends MaskPredictor {
  /** Resolves when a pass is under way. */
  underWay(): Promise<void>;
  /** Ends the pass that is under way; with `failure` it fails. */
  release(failure?: Error): void;
}

export function holdPredictor(inner: MaskPredictor): HeldPredictor {
  let begun = Promise.withResolvers<void>();
  let held = Promise.withResolvers<void>();
  return {
    logitCount: inner.logitCount,
    maxLength: inner.maxLength,
    async predict(batch) {
      held = Promise.withResolvers<void>();
      begun.resolve();
      await held.promise;
      return inner.predict(batch);
    },
    close: () => inner.close(),
    underWay: () => begun.promise,
    release(failure) {
      begun = Promise.withResolvers<void>();
      if (failure === undefined) held.resolve();
      else held.reject(failure);
    },
  };
}

/** A logger that keeps its lines. */
export function createMemoryLogger(): Logger & { readonly lines: LogFields[] } {
  const lines: LogFields[] = [];
  const log = (event: string, fields: LogFields = {}) => void lines.push({ event, ...fields });
  return { lines, info: log, error: log };
}

export function createTestEngine(
  maskPredictor: MaskPredictor,
  options: { maxBatchRows?: number; maxQueue?: number; now?: () => number } = {},
): Engine {
  return new Engine({
    maskPredictor,
    limits: { maxBatchRows: options.maxBatchRows ?? 8, maxQueue: options.maxQueue ?? 64 },
    now: options.now ?? (() => 0),
    logger: createMemoryLogger(),
  });
}
