import { afterAll, beforeAll, describe, it } from "vitest";
import { readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { CHOICE_NAMES } from "../../../../gpu-backend/model/choice-outputs.ts";
import { buildGraph, GRAPH_NAMES, keptNames } from "../../../../gpu-backend/model/graph.ts";
import {
  createOnnxSession,
  type InputTensor,
  type OnnxSession,
} from "../../../../gpu-backend/model-runner/onnx-session.ts";

const MODEL = new URL("../../../golden/tiny-gqa", import.meta.url).pathname;
const OPTIONS = { executionProvider: "cpu", intraOpThreads: 1 } as const;
const INPUTS: Record<string, InputTensor> = {
  [GRAPH_NAMES.tokenIds]: { type: "int32", shape: [1, 2], data: Int32Array.of(1, 2) },
  [GRAPH_NAMES.attended]: { type: "bool", shape: [1, 2], data: Uint8Array.of(1, 1) },
  [GRAPH_NAMES.candidateIndexes]: { type: "int32", shape: [1], data: Int32Array.of(1) },
  [GRAPH_NAMES.logitRows]: { type: "int32", shape: [1], data: Int32Array.of(0) },
  [CHOICE_NAMES.choiceRows]: { type: "int32", shape: [1], data: Int32Array.of(0) },
  [CHOICE_NAMES.namedTokenIds]: { type: "int32", shape: [1], data: Int32Array.of(0) },
  [GRAPH_NAMES.firstColumns]: { type: "int32", shape: [1], data: Int32Array.of(0) },
  ...Object.fromEntries(
    keptNames(2)
      .flatMap(({ keys, values }) => [keys, values])
      .map((name) => [
        name,
        { type: "float32", shape: [1, 0, 16], data: new Float32Array(0) } satisfies InputTensor,
      ]),
  ),
};

let graph: Uint8Array;
let folder: string;
let session: OnnxSession;

beforeAll(async () => {
  const checkpoint = await readCheckpoint(MODEL);
  graph = buildGraph(checkpoint);
  folder = checkpoint.table.folder;
  session = await createOnnxSession(graph, folder, OPTIONS);
});
afterAll(() => session.release());

describe("createOnnxSession", () => {
  it.for([
    ["that is no model", new Uint8Array(7)],
    ["that is empty", new Uint8Array(0)],
  ] as const)("refuses a graph %s", async ([, bytes], { expect }) => {
    await expect(createOnnxSession(bytes, folder, OPTIONS)).rejects.toMatchObject({
      code: "session_failed",
    });
  });

  it("refuses weights that are not in the folder, without naming it", async ({ expect }) => {
    const error = await createOnnxSession(graph, import.meta.dirname, OPTIONS).catch(String);
    expect(error).toContain("cannot load the network");
    expect(error).not.toContain(import.meta.dirname);
  });

  it("refuses an execution provider that the machine lacks", async ({ expect }) => {
    const options = { executionProvider: "tensorrt", intraOpThreads: 1 } as const;
    await expect(createOnnxSession(graph, folder, options)).rejects.toMatchObject({
      code: "session_failed",
    });
  });
});

describe("OnnxSession", () => {
  it("gives the output that was asked for", async ({ expect }) => {
    expect((await session.run(INPUTS, [GRAPH_NAMES.logits]))[GRAPH_NAMES.logits]?.length).toBe(131);
  });

  it("names the input that is missing or unknown", async ({ expect }) => {
    const { [GRAPH_NAMES.attended]: attended, ...rest } = INPUTS;
    await expect(session.run(rest, [GRAPH_NAMES.logits])).rejects.toMatchObject({
      code: "session_failed",
      message: expect.stringContaining(GRAPH_NAMES.attended),
    });
    if (attended !== undefined) {
      await expect(
        session.run({ ...INPUTS, extra: attended }, [GRAPH_NAMES.logits]),
      ).rejects.toMatchObject({ message: expect.stringContaining("extra") });
    }
    await expect(session.run(INPUTS, [GRAPH_NAMES.logits, "other"])).rejects.toMatchObject({
      message: expect.stringContaining("other"),
    });
  });

  it("fails without the tensors' values when shapes disagree, and stays usable", async ({
    expect,
  }) => {
    const wrong: InputTensor = { type: "bool", shape: [1, 3], data: Uint8Array.of(1, 1, 1) };
    const inputs = { ...INPUTS, [GRAPH_NAMES.attended]: wrong };
    await expect(session.run(inputs, [GRAPH_NAMES.logits])).rejects.toMatchObject({
      code: "session_failed",
      message: "The runtime failed during a forward pass.",
    });
    expect((await session.run(INPUTS, [GRAPH_NAMES.logits]))[GRAPH_NAMES.logits]?.length).toBe(131);
  });
});
