/**
 * One forward pass against the machine's limit, against int8, and against what else would run it.
 *
 * One thread against one thread, CPU time, all subjects in turn. A pass is what the engine runs: whole
 * canvases, id and confidence of one block of candidates a row. Peers have their output head on the
 * candidates only, too.
 */
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";
import { interleave, median, time } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import { MODEL_FOLDER, quantizeModel, withFolder, withPredictor } from "./bench-model.ts";
import { BLOCK_LENGTH, type CanvasRows, makeRows, predictIds } from "./canvas-rows.ts";
import { GgmlPeer } from "./ggml-peer.ts";
import { countOperations } from "./operations.ts";
import { ProductPeak } from "./product-peak.ts";
import { missingTorch, TorchPeer } from "./torch-peer.ts";

const LENGTH = 192;
const ROUNDS = 11;
const QUICK_ROUNDS = 2;
/** Passes of one measurement. */
const REPEAT_ONE_ROW = 4;
const REPEAT_EIGHT_ROWS = 1;
/** Of PyTorch's own product, so that the peak is no weakness of one library. */
const TORCH_PRODUCT = { rows: 384, inputs: 1024, outputs: 1024, repeat: 4 };

const MIN_EQUAL_SHARE = 0.9;

/** Seconds of CPU time of one pass, or of one run of the product. */
type Subject = () => Promise<number>;

interface Peers {
  readonly torch: TorchPeer | null;
  readonly ggml: GgmlPeer | null;
}

/** `forward`. */
export const forwardPart: BenchPart = {
  name: "forward",
  async run(options, report) {
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    await withFolder(async (folder) => {
      report.tell("writing int8 weights, starting peers");
      const quantized = await quantizeModel(MODEL_FOLDER, join(folder, "int8"));
      const peers = await startPeers(folder, checkpoint, report);
      try {
        await withPredictor(checkpoint, 1, (fp32) =>
          withPredictor(quantized, 1, (int8) =>
            measure(checkpoint, { fp32, int8 }, peers, options, report),
          ),
        );
      } finally {
        await peers.torch?.close();
        await peers.ggml?.close();
      }
    });
  },
};

async function startPeers(
  folder: string,
  checkpoint: Checkpoint,
  report: BenchReport,
): Promise<Peers> {
  const noTorch = missingTorch();
  if (noTorch !== null) report.skip(["forward_over_torch_1x192"], noTorch);
  const torch = noTorch === null ? new TorchPeer(MODEL_FOLDER) : null;
  try {
    return { torch, ggml: await GgmlPeer.install(folder, checkpoint) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    report.skip(["forward_over_ggml_1x192"], `node-llama-cpp cannot be installed: ${why}`);
    return { torch, ggml: null };
  }
}

async function measure(
  checkpoint: Checkpoint,
  predictors: { readonly fp32: MaskPredictor; readonly int8: MaskPredictor },
  peers: Peers,
  options: BenchOptions,
  report: BenchReport,
): Promise<void> {
  const one = makeRows(checkpoint.config, 1, LENGTH);
  const eight = makeRows(checkpoint.config, 8, LENGTH);
  await checkPeers(predictors.fp32, one, peers, report);
  report.tell("looking for the peak of products");
  const peak = await ProductPeak.find("fp32");
  const rounds = options.isQuick ? QUICK_ROUNDS : ROUNDS;
  const pass = (predictor: MaskPredictor, { batch }: CanvasRows, repeat: number): Subject => {
    return async () => {
      const { cpuSeconds } = await time(async () => {
        for (let i = 0; i < repeat; i += 1) await predictor.predict(batch);
      });
      return cpuSeconds / repeat;
    };
  };
  const subjects: Record<string, Subject> = {
    peak: async () => 1 / peak.rate((await time(() => peak.run())).cpuSeconds),
    fp32One: pass(predictors.fp32, one, REPEAT_ONE_ROW),
    fp32Eight: pass(predictors.fp32, eight, REPEAT_EIGHT_ROWS),
    int8One: pass(predictors.int8, one, REPEAT_ONE_ROW),
    int8Eight: pass(predictors.int8, eight, REPEAT_EIGHT_ROWS),
    ...peerSubjects(peers, one),
  };
  report.tell(`measuring ${Object.keys(subjects).length} subjects in turn, ${rounds} rounds`);
  const seconds = await interleave(rounds, subjects);
  await peak.close();
  const middles = Object.entries(seconds).map(([name, values]) => [name, median(values)] as const);
  addFigures(checkpoint, new Map(middles), peak.label, rounds, report);
}

function peerSubjects({ torch, ggml }: Peers, rows: CanvasRows): Record<string, Subject> {
  const { ids, candidates } = rows;
  const subjects: Record<string, Subject> = {};
  if (torch !== null) {
    subjects["torch"] = async () => {
      const answer = await torch.forward(ids, candidates, REPEAT_ONE_ROW);
      return answer.cpu_seconds / REPEAT_ONE_ROW;
    };
    const { rows: count, inputs, outputs, repeat } = TORCH_PRODUCT;
    subjects["torchPeak"] = async () =>
      1 / (await torch.productRate(count, inputs, outputs, repeat));
  }
  if (ggml !== null) {
    subjects["ggml"] = async () => {
      const order = { ids: ids[0] ?? [], candidates, repeat: REPEAT_ONE_ROW };
      return (await ggml.forward(order)).cpu_seconds / REPEAT_ONE_ROW;
    };
  }
  return subjects;
}

/** @throws {Error} if a peer predicts other tokens, near ties apart: it does not do the same work then. */
async function checkPeers(
  predictor: MaskPredictor,
  rows: CanvasRows,
  { torch, ggml }: Peers,
  report: BenchReport,
): Promise<void> {
  const own = await predictIds(predictor, rows.batch);
  const { ids, candidates } = rows;
  const answers = {
    torch: await torch?.forward(ids, candidates, 1),
    ggml: await ggml?.forward({ ids: ids[0] ?? [], candidates, repeat: 1 }),
  };
  for (const [name, answer] of Object.entries(answers)) {
    if (answer === undefined) continue;
    const equal = answer.ids.filter((id, i) => id === own[i]).length;
    const found = `${name} predicts ${equal} of our ${own.length} tokens`;
    if (equal < MIN_EQUAL_SHARE * own.length) throw new Error(found);
    report.tell(found);
  }
}

/** @param seconds Of one pass, or the reciprocal of a peak, by subject. */
function addFigures(
  { config }: Checkpoint,
  seconds: ReadonlyMap<string, number>,
  peakLabel: string,
  runs: number,
  report: BenchReport,
): void {
  const of = (name: string) => seconds.get(name) ?? Number.POSITIVE_INFINITY;
  const operations = (rows: number) =>
    countOperations(config, { rows, length: LENGTH, attended: LENGTH, candidates: BLOCK_LENGTH });
  const peakRate = 1 / Math.min(of("peak"), of("torchPeak"));
  const ratio = (name: string, value: number) => report.add(name, { value, unit: "ratio", runs });
  const giga = (name: string, rate: number) =>
    report.add(name, { value: rate / 1e9, unit: "GFLOP per CPU second, one thread", runs });
  report.tell(`peak: Gemm ${peakLabel} in ONNX Runtime, or PyTorch's, whichever is faster`);
  giga("gemm_peak_fp32_t1", peakRate);
  giga("forward_fp32_1x192_rate", operations(1) / of("fp32One"));
  giga("forward_fp32_8x192_rate", operations(8) / of("fp32Eight"));
  ratio("forward_fp32_1x192_of_peak", operations(1) / of("fp32One") / peakRate);
  ratio("forward_fp32_8x192_of_peak", operations(8) / of("fp32Eight") / peakRate);
  ratio("int8_over_fp32_1x192", of("fp32One") / of("int8One"));
  ratio("int8_over_fp32_8x192", of("fp32Eight") / of("int8Eight"));
  for (const peer of ["torch", "ggml"]) {
    if (seconds.has(peer)) ratio(`forward_over_${peer}_1x192`, of(peer) / of("fp32One"));
  }
}
