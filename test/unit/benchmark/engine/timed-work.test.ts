/** What the benchmark times is right: the engine's tokens are the sampler's, the peers' the published ones. */
import { join } from "node:path";
import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import { type Checkpoint, readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import {
  BenchEngine,
  type BenchRequest,
  exactParameters,
  tierParameters,
} from "../../../benchmark/engine/bench-engine.ts";
import { MODEL_FOLDER, withPredictor } from "../../../benchmark/engine/bench-model.ts";
import { makePrompt, makeRows, predictIds } from "../../../benchmark/engine/canvas-rows.ts";
import {
  missingTorch,
  type SamplerParameters,
  TorchPeer,
} from "../../../benchmark/engine/torch-peer.ts";
import { watchPredictor } from "../../../benchmark/engine/watched-predictor.ts";
import { GOLDEN_DIRECTORY, readGolden } from "../../gpu-backend/golden-predictor.ts";

const TIMEOUT_MS = 120_000;

/** The request by the sampler alone, without an engine; the filled columns. */
async function sample(
  { config }: Checkpoint,
  predictor: MaskPredictor,
  { promptTokenIds, parameters }: BenchRequest,
): Promise<number[]> {
  const threshold = parameters.confidence_threshold;
  const settings = resolveSamplingSettings(
    {
      generationLength: parameters.max_tokens,
      steps: parameters.steps,
      blockLength: parameters.block_length,
      decoding: threshold === undefined ? undefined : { kind: "threshold", threshold },
      cache: parameters.cache,
    },
    {
      maskTokenId: config.maskTokenId,
      endOfTextTokenId: config.eosTokenId,
      endOfTurnTokenId: null,
    },
  );
  const canvas = Canvas.start({
    promptTokenIds,
    generationLength: parameters.max_tokens,
    maskTokenId: config.maskTokenId,
  });
  const process = new ReverseProcess(canvas, settings, createCounterRandom(0, 0));
  await denoiseRows([process], predictor);
  return [...process.canvas.tokenIds].slice(promptTokenIds.length);
}

describe("the engine as it is measured", () => {
  it("gives each request the sampler's tokens, whatever runs beside it", {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    await withPredictor(checkpoint, 1, async (predictor) => {
      let fedRows = 0;
      const watched = watchPredictor(predictor, ({ rowCount }) => {
        fedRows += rowCount;
      });
      const bench = await BenchEngine.create(checkpoint, watched);
      const draft = { ...tierParameters("draft", 32), block_length: 16, early_exit: false };
      const all = [
        exactParameters(32, 16),
        exactParameters(16, 16),
        { ...exactParameters(32, 16), cache: "dual" as const },
        draft,
      ];
      const requests = all.map((parameters, seed): BenchRequest => {
        const promptTokenIds = makePrompt(checkpoint.config, 8 + seed, seed);
        return { tier: "quality", promptTokenIds, parameters };
      });
      const finished = await bench.run(requests);
      for (const [i, request] of requests.entries()) {
        expect(finished[i]?.outcome).toBe("completed");
        expect(finished[i]?.tokenIds).toEqual(await sample(checkpoint, predictor, request));
      }
      const passes = finished.reduce((sum, { usage }) => sum + usage.forwardPasses, 0);
      expect(fedRows).toBe(passes);
      expect(finished[0]?.usage.steps).toBe(32);
    });
  });
});

const noTorch = missingTorch();
if (noTorch !== null) {
  process.stderr.write(`\nSKIPPED: ${noTorch}; the benchmark's peer was NOT checked.\n\n`);
}

interface GoldenRun {
  readonly name: string;
  readonly model: string;
  readonly algorithm: string;
  readonly params: SamplerParameters & { readonly remasking: string };
  readonly prompt_ids: number[][];
  readonly output_ids: number[][];
  readonly nfe: number;
}

describe.skipIf(noTorch !== null)("the peer in PyTorch", () => {
  it("gives LLaDA's and Fast-dLLM's published tokens", { timeout: TIMEOUT_MS }, async ({
    expect,
  }) => {
    const exact = readGolden<{ cases: GoldenRun[] }>("generate.json").cases[0];
    const dual = readGolden<{ cases: GoldenRun[] }>("fast.json").cases.find(
      ({ algorithm }) => algorithm === "fastdllm_dual_cache",
    );
    if (exact === undefined || dual === undefined) throw new RangeError("no golden cases");
    expect(dual.model).toBe(exact.model);
    const peer = new TorchPeer(join(GOLDEN_DIRECTORY, exact.model));
    try {
      const ofLlada = await peer.generate(exact.prompt_ids, exact.params);
      expect(ofLlada.ids).toEqual(exact.output_ids);
      expect(ofLlada.cpu_seconds).toBeGreaterThan(0);
      const { remasking: _, ...params } = dual.params;
      const ofFastDllm = await peer.generateCached("dual", dual.prompt_ids, params);
      expect(ofFastDllm.ids).toEqual(dual.output_ids);
      expect(ofFastDllm.passes).toBe(dual.nfe);
    } finally {
      await peer.close();
    }
  });

  it("predicts the tokens that ours predicts, at the same places", {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    const rows = makeRows(checkpoint.config, 2, 96);
    expect(rows.candidates).toHaveLength(64);
    const peer = new TorchPeer(MODEL_FOLDER);
    try {
      const { ids } = await peer.forward(rows.ids, rows.candidates, 1);
      const own = await withPredictor(checkpoint, 1, (predictor) =>
        predictIds(predictor, rows.batch),
      );
      expect(own).toEqual(ids);
    } finally {
      await peer.close();
    }
  });

  it("says its last words when it ends", { timeout: TIMEOUT_MS }, async ({ expect }) => {
    const peer = new TorchPeer(join(GOLDEN_DIRECTORY, "no-such-model"));
    await expect(peer.forward([[1]], [0], 1)).rejects.toThrow(/peer ended.*config\.json/);
    await peer.close();
  });
});
