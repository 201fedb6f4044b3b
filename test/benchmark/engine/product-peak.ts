/**
 * The machine's own limit: the best rate at which one thread of ONNX Runtime multiplies matrices here, with
 * nothing around them, by CPU time.
 *
 * Owns: shapes that a processor likes, as graphs that return next to nothing.
 */
import { GraphBuilder } from "../../../gpu-backend/model/graph-builder.ts";
import {
  createOnnxSession,
  type OnnxSession,
} from "../../../gpu-backend/model-runner/onnx-session.ts";
import { interleave, median, time } from "../measure.ts";

/** Element types of the two factors. */
export type ProductKind = "fp32" | "int8";

/** A product `[rows, inputs]` by `[inputs, outputs]`. */
interface ProductShape {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** From small enough for the second-level cache to wide; whichever is fastest is the peak. */
const SHAPES: readonly ProductShape[] = [
  { rows: 192, inputs: 256, outputs: 1024 },
  { rows: 384, inputs: 512, outputs: 512 },
  { rows: 192, inputs: 1024, outputs: 1024 },
  { rows: 384, inputs: 1024, outputs: 2048 },
];
/** A measurement shorter than that says little. */
const MIN_SECONDS = 0.03;
const ROW_INDEXES = "row_indexes";
const LARGEST = "largest";
const TABLE_ROWS = 16;

/** One shape, ready to be multiplied again and again. */
export class ProductPeak {
  readonly #shape: ProductShape;
  readonly #session: OnnxSession;
  readonly #feeds: Parameters<OnnxSession["run"]>[0];
  #repeat = 1;

  private constructor(shape: ProductShape, session: OnnxSession) {
    this.#shape = shape;
    this.#session = session;
    const data = Int32Array.from({ length: shape.rows }, (_, i) => i % TABLE_ROWS);
    this.#feeds = { [ROW_INDEXES]: { type: "int32", shape: [shape.rows], data } };
  }

  static async #open(kind: ProductKind, shape: ProductShape): Promise<ProductPeak> {
    const options = { executionProvider: "cpu", intraOpThreads: 1 } as const;
    const session = await createOnnxSession(buildProduct(kind, shape), ".", options);
    const peak = new ProductPeak(shape, session);
    await peak.run();
    const { cpuSeconds } = await time(() => peak.run());
    peak.#repeat = Math.max(1, Math.ceil(MIN_SECONDS / cpuSeconds));
    return peak;
  }

  /** The fastest shape of `kind`. */
  static async find(kind: ProductKind): Promise<ProductPeak> {
    const peaks: ProductPeak[] = [];
    // One after the other: each is timed while it is opened.
    for (const shape of SHAPES) peaks.push(await ProductPeak.#open(kind, shape));
    const subjects = Object.fromEntries(
      peaks.map((peak, i) => [String(i), () => time(() => peak.run())]),
    );
    const timings = await interleave(3, subjects);
    const rates = peaks.map((peak, i) =>
      peak.rate(median((timings[String(i)] ?? []).map(({ cpuSeconds }) => cpuSeconds))),
    );
    const best = rates.indexOf(Math.max(...rates));
    await Promise.all(peaks.map((peak, i) => (i === best ? undefined : peak.close())));
    const found = peaks[best];
    if (found === undefined) throw new RangeError("no shapes");
    return found;
  }

  /** `ROWSxINPUTSxOUTPUTS`. */
  get label(): string {
    const { rows, inputs, outputs } = this.#shape;
    return `${rows}x${inputs}x${outputs}`;
  }

  /** Multiplies some times. */
  async run(): Promise<void> {
    for (let i = 0; i < this.#repeat; i += 1) await this.#session.run(this.#feeds, [LARGEST]);
  }

  /** Multiplications and additions per second, where {@link run} took `seconds`. */
  rate(seconds: number): number {
    const { rows, inputs, outputs } = this.#shape;
    return (this.#repeat * 2 * rows * inputs * outputs) / seconds;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** Only the largest element of each row leaves the runtime, so that copying weighs nothing. */
function buildProduct(kind: ProductKind, { inputs, outputs }: ProductShape): Uint8Array {
  const builder = new GraphBuilder();
  const indexes = builder.input(ROW_INDEXES, "int32", ["rows"]);
  const size = TABLE_ROWS * inputs;
  const table =
    kind === "fp32"
      ? builder.floats("table", [TABLE_ROWS, inputs], spread(size))
      : builder.bytes("table", "U8", [TABLE_ROWS, inputs], spreadBytes(size));
  const rows = builder.node("Gather", [table, indexes]);
  const product =
    kind === "fp32"
      ? builder.node(
          "Gemm",
          [rows, builder.floats("weight", [outputs, inputs], spread(outputs * inputs))],
          { transB: 1 },
        )
      : builder.node("MatMulInteger", [
          rows,
          builder.bytes("weight", "I8", [inputs, outputs], spreadBytes(outputs * inputs)),
          builder.bytes("zero_level", "U8", [], Uint8Array.of(128)),
        ]);
  const axes = builder.integers("axes", [1]);
  const largest = builder.node("ReduceMax", [product, axes], { keepdims: 1 });
  const output = kind === "fp32" ? largest : builder.asFloat32(largest);
  builder.output(LARGEST, output, "float32", ["rows", 1]);
  return builder.encode("product");
}

/** Values of both signs, without a pattern that a kernel could profit from. */
function spread(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => hash(i) / 2 ** 24 - 0.5);
}

function spreadBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => hash(i) >>> 16);
}

function hash(i: number): number {
  return Math.imul(i + 1, 2654435761) >>> 8;
}
