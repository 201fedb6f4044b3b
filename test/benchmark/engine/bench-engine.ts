/**
 * The engine as a node runs it, with requests made here.
 *
 * Owns: how an engine is put together, and what is kept of a request: its tokens, its bill, its waits.
 */
import { createGeneration } from "../../../gpu-backend/engine/create-generation.ts";
import { Engine } from "../../../gpu-backend/engine/engine.ts";
import type {
  GenerationEvent,
  GenerationUsage,
} from "../../../gpu-backend/engine/generation-event.ts";
import { loadServedModel } from "../../../gpu-backend/load-served-model.ts";
import type { Checkpoint } from "../../../gpu-backend/model/checkpoint.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";
import type { ServedModel } from "../../../gpu-backend/server/served-model.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
} from "../../../shared/contracts/node-wire.ts";
import {
  completionRequestSchema,
  toGenerationParameters,
} from "../../../shared/contracts/public-api.ts";
import type { Tier } from "../../../shared/contracts/tier-names.ts";
import { NODE_DEFAULTS } from "./node-defaults.ts";

/** One request. */
export interface BenchRequest {
  readonly tier: Tier;
  readonly promptTokenIds: readonly number[];
  readonly parameters: GenerationParameters;
}

/** What became of a request. */
export interface FinishedRequest {
  readonly outcome: "completed" | "cancelled" | "failed";
  /** The filled columns in order; those of a cancelled request that have a token. */
  readonly tokenIds: readonly number[];
  readonly usage: GenerationUsage;
  /** From submission to the first pass; to the end where there was none. Milliseconds. */
  readonly waitMs: number;
  /** Longest time between two events, milliseconds. */
  readonly longestPauseMs: number;
}

/** A request that was admitted. */
export interface RunningRequest {
  readonly requestId: string;
  readonly finished: Promise<FinishedRequest>;
}

/** Sizes that differ from a node's. */
export interface BenchEngineLimits {
  readonly maxBatchRows?: number;
  readonly maxQueue?: number;
}

/** A request in the words of the API: a tier, or fields of its own. */
export function tierParameters(tier: Tier, maxTokens: number): GenerationParameters {
  const request = completionRequestSchema.parse({
    model: "bench",
    prompt: "-",
    max_tokens: maxTokens,
  });
  return toGenerationParameters(request, tier);
}

/** LLaDA's own schedule without a cache: one token a step. */
export function exactParameters(maxTokens: number, blockLength: number): GenerationParameters {
  return generationParametersSchema.parse({
    max_tokens: maxTokens,
    steps: maxTokens,
    block_length: blockLength,
  });
}

/** An engine with a model. */
export class BenchEngine {
  readonly engine: Engine;
  readonly model: ServedModel;
  #requestCount = 0;

  private constructor(engine: Engine, model: ServedModel) {
    this.engine = engine;
    this.model = model;
  }

  static async create(
    checkpoint: Checkpoint,
    maskPredictor: MaskPredictor,
    limits: BenchEngineLimits = {},
  ): Promise<BenchEngine> {
    const engine = new Engine({
      maskPredictor,
      limits: {
        maxBatchRows: limits.maxBatchRows ?? NODE_DEFAULTS.maxBatchRows,
        maxQueue: limits.maxQueue ?? NODE_DEFAULTS.maxQueue,
      },
      now: Date.now,
      logger: { info: () => undefined, error: () => undefined },
    });
    return new BenchEngine(engine, await loadServedModel(checkpoint, "bench"));
  }

  /** @throws {ApiError} what admission throws. */
  submit(request: BenchRequest): RunningRequest {
    this.#requestCount += 1;
    const requestId = `bench-${this.#requestCount}`;
    const watch = new RequestWatch();
    const generation = createGeneration(
      {
        requestId,
        tier: request.tier,
        promptTokenIds: request.promptTokenIds,
        parameters: request.parameters,
        listener: (event) => watch.see(event),
      },
      this.model,
    );
    this.engine.submit(generation);
    return { requestId, finished: watch.finished };
  }

  /** Runs requests that arrive together to their ends. */
  async run(requests: readonly BenchRequest[]): Promise<FinishedRequest[]> {
    const running = requests.map((request) => this.submit(request));
    return await Promise.all(running.map(({ finished }) => finished));
  }
}

/** Keeps what a listener is told. */
class RequestWatch {
  readonly #finished = Promise.withResolvers<FinishedRequest>();
  readonly #tokens = new Map<number, number>();
  readonly #submittedAt = performance.now();
  #lastEventAt = this.#submittedAt;
  #waitMs: number | null = null;
  #longestPauseMs = 0;

  get finished(): Promise<FinishedRequest> {
    return this.#finished.promise;
  }

  see(event: GenerationEvent): void {
    const now = performance.now();
    if (this.#waitMs !== null) {
      this.#longestPauseMs = Math.max(this.#longestPauseMs, now - this.#lastEventAt);
    }
    this.#waitMs ??= now - this.#submittedAt;
    this.#lastEventAt = now;
    if (event.type === "step") {
      for (const { position, tokenId } of event.committed) this.#tokens.set(position, tokenId);
    }
    if (event.type !== "finished") return;
    const inOrder = [...this.#tokens].sort(([a], [b]) => a - b);
    this.#finished.resolve({
      outcome: event.outcome,
      tokenIds: inOrder.map(([, tokenId]) => tokenId),
      usage: event.usage,
      waitMs: this.#waitMs,
      longestPauseMs: this.#longestPauseMs,
    });
  }
}
