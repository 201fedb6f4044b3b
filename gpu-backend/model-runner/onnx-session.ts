/**
 * One ONNX Runtime session; the only importer of the runtime.
 *
 * Owns: how a graph is loaded, and that a call has just the tensors that the graph declares.
 * Does not own: the thread it blocks (session-worker.ts), the meaning of tensors (model/graph.ts).
 * Walk: step 9.
 */

import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { ApiError } from "#shared/contracts/errors.ts";

/** Where the network runs; providers other than `cpu` need their libraries on the machine. */
export type ExecutionProvider = "cpu" | "cuda" | "tensorrt" | "webgpu";

/** How a session runs. */
export interface SessionOptions {
  readonly executionProvider: ExecutionProvider;
  /** Threads of one operator; 0 lets the runtime choose (one per physical core). */
  readonly intraOpThreads: number;
}

/** A tensor to feed, row-major. */
export type InputTensor =
  | { readonly type: "float32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly type: "int32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly type: "bool"; readonly shape: readonly number[]; readonly data: Uint8Array };

/** Float32 outputs by name, row-major; owned by the caller. */
export type OutputTensors = Readonly<Record<string, Float32Array>>;

/** A loaded graph. Calls block the thread. */
export interface OnnxSession {
  /**
   * Runs the graph.
   *
   * @param inputs Just the graph's inputs, by name.
   * @param outputNames Float32 outputs of the graph; the others are not copied out of the runtime.
   * @throws {ApiError} `session_failed`; the session stays usable.
   */
  run(
    inputs: Readonly<Record<string, InputTensor>>,
    outputNames: readonly string[],
  ): Promise<OutputTensors>;
  /** Frees the native memory. */
  release(): Promise<void>;
}

/** The runtime writes to standard error by itself; only what it cannot survive may get through. */
const LOG_LEVEL = { name: "fatal", severity: 4 } as const;

/**
 * Loads a graph whose weights are external data.
 *
 * @param graph Encoded ONNX model.
 * @param weightsFolder Real path of the directory that the external data is relative to: the runtime
 *   refuses links that lead out of it.
 * @throws {ApiError} `session_failed` if the runtime refuses the graph.
 */
export async function createOnnxSession(
  graph: Uint8Array,
  weightsFolder: string,
  options: SessionOptions,
): Promise<OnnxSession> {
  const session = await load(graph, weightsFolder, options);
  return {
    async run(inputs, outputNames) {
      checkNames(session, inputs, outputNames);
      const results = await runNative(session, inputs, outputNames);
      return Object.fromEntries(outputNames.map((name) => [name, readOutput(results, name)]));
    },
    release: () => session.release(),
  };
}

async function load(
  graph: Uint8Array,
  weightsFolder: string,
  options: SessionOptions,
): Promise<InferenceSession> {
  env.logLevel = LOG_LEVEL.name;
  try {
    return await InferenceSession.create(graph, {
      executionProviders: [options.executionProvider],
      intraOpNumThreads: options.intraOpThreads,
      interOpNumThreads: 1,
      logSeverityLevel: LOG_LEVEL.severity,
      extra: { session: { model_external_initializers_file_folder_path: weightsFolder } },
    });
  } catch (cause) {
    throw new ApiError(
      "session_failed",
      `The runtime cannot load the network on ${options.executionProvider}.`,
      { cause },
    );
  }
}

function checkNames(
  session: InferenceSession,
  inputs: Readonly<Record<string, InputTensor>>,
  outputNames: readonly string[],
): void {
  const missing = session.inputNames.find((name) => !Object.hasOwn(inputs, name));
  const unknown = Object.keys(inputs).find((name) => !session.inputNames.includes(name));
  if (missing !== undefined || unknown !== undefined) {
    const fault = missing === undefined ? `has no input ${unknown}` : `lacks its input ${missing}`;
    throw new ApiError("session_failed", `The graph ${fault}.`);
  }
  const unknownOutput = outputNames.find((name) => !session.outputNames.includes(name));
  if (unknownOutput !== undefined) {
    throw new ApiError("session_failed", `The graph has no output ${unknownOutput}.`);
  }
}

async function runNative(
  session: InferenceSession,
  inputs: Readonly<Record<string, InputTensor>>,
  outputNames: readonly string[],
): Promise<InferenceSession.OnnxValueMapType> {
  try {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, toTensor(input)]),
    );
    return await session.run(feeds, outputNames);
  } catch (cause) {
    throw new ApiError("session_failed", "The runtime failed during a forward pass.", { cause });
  }
}

function toTensor(input: InputTensor): Tensor {
  switch (input.type) {
    case "float32":
      return new Tensor("float32", input.data, input.shape);
    case "int32":
      return new Tensor("int32", input.data, input.shape);
    case "bool":
      return new Tensor("bool", input.data, input.shape);
  }
}

function readOutput(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = results[name]?.data;
  if (!(data instanceof Float32Array)) {
    throw new ApiError("session_failed", `The output ${name} is not float32.`);
  }
  return data;
}
