import { afterAll, beforeAll, describe, it } from "vitest";
import { addChoiceOutputs, CHOICE_NAMES } from "../../../../gpu-backend/model/choice-outputs.ts";
import { GraphBuilder } from "../../../../gpu-backend/model/graph-builder.ts";
import {
  createOnnxSession,
  type OnnxSession,
  type OutputTensors,
} from "../../../../gpu-backend/model-runner/onnx-session.ts";
import { createRandom } from "../../../support/write-checkpoint.ts";

const LOGIT_COUNT = 300;
const NAMED = [7, 299, 0];
let session: OnnxSession;

beforeAll(async () => {
  const builder = new GraphBuilder();
  const logits = builder.input("given", "float32", ["candidates", LOGIT_COUNT]);
  addChoiceOutputs(builder, logits, LOGIT_COUNT, {
    included: builder.floats("included_score", [], Float32Array.of(0)),
    excluded: builder.floats("excluded_score", [], Float32Array.of(-1e30)),
  });
  const options = { executionProvider: "cpu", intraOpThreads: 1 } as const;
  session = await createOnnxSession(builder.encode("choices"), import.meta.dirname, options);
});
afterAll(() => session.release());

function run(rows: readonly Float32Array[], wanted: readonly number[]): Promise<OutputTensors> {
  const ints = (data: readonly number[]) =>
    ({ type: "int32", shape: [data.length], data: Int32Array.from(data) }) as const;
  const inputs = {
    given: {
      type: "float32",
      shape: [rows.length, LOGIT_COUNT],
      data: Float32Array.from(rows.flatMap((row) => [...row])),
    },
    [CHOICE_NAMES.choiceRows]: ints(wanted),
    [CHOICE_NAMES.namedTokenIds]: ints(NAMED),
  } as const;
  const { rankedIds, rankedLogits, namedLogits, restLargest, restShare } = CHOICE_NAMES;
  return session.run(inputs, [rankedIds, rankedLogits, namedLogits, restLargest, restShare]);
}

describe("choice outputs", () => {
  it("rank equal logits by their ids, the lowest first", async ({ expect }) => {
    for (const ties of [
      [3, 120, 250],
      [299, 0, 150],
      [5, 4, 6, 7, 8],
    ]) {
      const row = new Float32Array(LOGIT_COUNT).fill(-1);
      for (const id of ties) row[id] = 2.5;
      const outputs = await run([row], [0]);
      const lowest = [...ties].sort((a, b) => a - b).slice(0, 3);
      expect([...(outputs[CHOICE_NAMES.rankedIds] ?? [])]).toEqual(lowest);
    }
    const outputs = await run([new Float32Array(LOGIT_COUNT)], [0]);
    expect([...(outputs[CHOICE_NAMES.rankedIds] ?? [])]).toEqual([0, 1, 2]);
  });

  it("tell what the logits of the wanted candidates hold", async ({ expect }) => {
    const random = createRandom(1);
    const rows = Array.from({ length: 5 }, () =>
      Float32Array.from({ length: LOGIT_COUNT }, () => random() * 20 - 10),
    );
    // A named id that is far ahead hides no other.
    rows[3]?.fill(80, 7, 8);
    const wanted = [1, 3];
    const outputs = await run(rows, wanted);
    for (const [i, candidate] of wanted.entries()) {
      const row = rows[candidate] ?? new Float32Array(0);
      const ranked = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0)).slice(0, 3);
      const read = (name: string, count: number) =>
        [...(outputs[name] ?? [])].slice(i * count, (i + 1) * count);
      expect(read(CHOICE_NAMES.rankedIds, 3)).toEqual(ranked);
      expect(read(CHOICE_NAMES.rankedLogits, 3)).toEqual(ranked.map((id) => row[id]));
      expect(read(CHOICE_NAMES.namedLogits, 3)).toEqual(NAMED.map((id) => row[id]));
      const rest = [...row].filter((_, id) => !NAMED.includes(id));
      const largest = Math.max(...rest);
      expect(read(CHOICE_NAMES.restLargest, 1)).toEqual([largest]);
      const share = 1 / rest.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
      expect(read(CHOICE_NAMES.restShare, 1)[0]).toBeCloseTo(share, 6);
    }
  });
});
