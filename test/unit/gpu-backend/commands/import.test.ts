import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { runCli } from "../../../../gpu-backend/cli.ts";
import { LLADA_8B_CONFIG } from "../../../support/published-config.ts";
import { type CheckpointOptions, writeCheckpoint } from "../../../support/write-checkpoint.ts";

const TOKENIZER = new URL("../../../fixtures/tokenizer/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "import-"));

/** LLaDA-8B but for its width: all its tensors, over as many shards. */
const NARROW: CheckpointOptions = {
  config: {
    ...LLADA_8B_CONFIG,
    d_model: 16,
    n_heads: 2,
    n_kv_heads: 2,
    mlp_hidden_size: 48,
    vocab_size: 288,
    embedding_size: 288,
    max_sequence_length: 48,
    mask_token_id: 280,
    eos_token_id: 279,
    pad_token_id: 279,
  },
  type: "BF16",
  shardCount: 6,
};
const PUBLISHED = join(folder, "published");

beforeAll(() => {
  writeCheckpoint(PUBLISHED, NARROW);
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    copyFileSync(join(TOKENIZER, file), join(PUBLISHED, file));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]) {
  let [output, error] = ["", ""];
  const code = await runCli(args, {
    writeOutput: (chunk) => {
      output += chunk;
    },
    writeError: (chunk) => {
      error += chunk;
    },
  });
  const document = output === "" ? null : JSON.parse(output);
  const failure = code === 0 ? null : JSON.parse(/^\{"error".*$/m.exec(error)?.[0] ?? "null").error;
  return { code, document, failure };
}

async function sample(checkpoint: string): Promise<unknown> {
  const file = join(folder, "request.json");
  const params = { gen_length: 8, steps: 4, block_length: 8 };
  writeFileSync(file, JSON.stringify({ prompt: "Hello", params }));
  const { document } = await run("sample", "--checkpoint", checkpoint, "--request", file);
  return document;
}

function writeVariant(name: string, options: CheckpointOptions): string {
  const directory = join(folder, name);
  writeCheckpoint(directory, options);
  return directory;
}

describe("unmask import", () => {
  it("accepts a checkpoint as published and plans it, for more layers too", async ({ expect }) => {
    const { document } = await run("import", PUBLISHED, "--layers", "64");
    const { checkpoint, plan, plan_for_layers: longer, rates } = document;
    expect(checkpoint).toMatchObject({
      files: 6,
      tensors: 291,
      element_types: ["BF16"],
      quantization: null,
      stored_bytes: 2 * plan.parameters,
    });
    expect(plan).toMatchObject({ layers: 32, pass: { rows: 1, columns: 48, candidates: 32 } });
    expect(longer.parameters - plan.parameters).toBe(32 * plan.parameters_per_layer);
    expect(rates.fp32).toBeGreaterThan(0);
    expect(plan.step_ms_on_one_thread.int8.total).toBeGreaterThan(0);
  });

  it("writes int8 weights that the commands read like any others, and says what they lose", {
    timeout: 20_000,
  }, async ({ expect }) => {
    const out = join(folder, "out");
    const { document } = await run("import", PUBLISHED, "--quantize", "int8", "--out", out);
    const { quantized, plan } = document;
    expect(quantized).toMatchObject({
      folder: out,
      files: 6,
      quantization: "int8",
      element_types: ["BF16", "F32", "I8"],
      parameters: plan.parameters,
      text: "built in",
      skipped: null,
    });
    // In the plan, norms are float32.
    const norms = 65 * 16 * 2;
    expect(quantized.stored_bytes).toBe(plan.memory_bytes.int8.weights - norms);
    expect(quantized.loss.positions).toBeGreaterThan(100);
    expect(quantized.loss.mean_divergence).toBeGreaterThan(0);
    expect(quantized.speed.map((entry: { rows: number }) => entry.rows)).toEqual([1, 8]);
    expect(readdirSync(out)).toEqual(readdirSync(PUBLISHED));
    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(config).toEqual({
      ...JSON.parse(readFileSync(join(PUBLISHED, "config.json"), "utf8")),
      unmask_quantization: "int8",
    });
    const [ours, theirs] = [await sample(out), await sample(PUBLISHED)];
    expect(ours).toMatchObject({ nfe: 4, text: expect.any(String) });
    expect(Object.keys(ours as object)).toEqual(Object.keys(theirs as object));
  });

  it("writes int4 weights", async ({ expect }) => {
    const source = writeVariant("four", {});
    const { document } = await run("import", source, "--quantize", "int4");
    const { quantized, plan } = document;
    expect(quantized).toMatchObject({ folder: `${source}-int4`, quantization: "int4" });
    expect(quantized.stored_bytes).toBe(plan.memory_bytes.int4.weights);
    expect(quantized.loss.relative_rms_of_logits).toBeGreaterThan(0);
  });

  it("names the new folder after the checkpoint, and compares on a text of the operator's", async ({
    expect,
  }) => {
    const source = writeVariant("small", { config: { ...NARROW.config, n_layers: 2 } });
    copyFileSync(join(TOKENIZER, "tokenizer.json"), join(source, "tokenizer.json"));
    const text = join(folder, "text.txt");
    writeFileSync(text, "The sky is blue. ".repeat(40));
    const { document } = await run("import", `${source}/`, "--quantize", "int8", "--text", text);
    expect(document.quantized).toMatchObject({ folder: `${source}-int8`, text: "file" });
  });

  it("quantises a single file without a tokenizer, and leaves the source as it is", async ({
    expect,
  }) => {
    const source = writeVariant("single", { config: { weight_tying: true } });
    const before = readFileSync(join(source, "model.safetensors"));
    const out = join(folder, "single-out");
    const { document } = await run("import", source, "--quantize", "int8", "--out", out);
    expect(document.quantized).toMatchObject({ files: 1, text: "none: ids in turn" });
    expect(readFileSync(join(source, "model.safetensors"))).toEqual(before);
    expect(readdirSync(out)).toEqual(["config.json", "model.safetensors"]);
  });
});

describe("unmask import refuses", () => {
  it("a checkpoint that is quantised already", async ({ expect }) => {
    const source = writeVariant("twice", {});
    const first = await run("import", source, "--quantize", "int8");
    const again = await run("import", `${source}-int8`, "--quantize", "int4");
    expect(first.code).toBe(0);
    expect(again.failure).toMatchObject({
      code: "config_not_supported",
      param: "unmask_quantization",
    });
    expect((await run("import", `${source}-int8`)).document.checkpoint.quantization).toBe("int8");
  });

  it("levels of weights that the configuration does not announce", async ({ expect }) => {
    const source = writeVariant("unannounced", {});
    await run("import", source, "--quantize", "int8");
    copyFileSync(join(source, "config.json"), join(`${source}-int8`, "config.json"));
    const { failure } = await run("import", `${source}-int8`);
    expect(failure.code).toBe("tensor_not_supported");
    expect(failure.param).toMatch(/weight_(int8|scale)$/);
  });

  it.for([
    ["n_experts", 4],
    ["unmask_quantization", "int3"],
  ] as const)("the key %s with the value %j, and names it", async ([key, value], { expect }) => {
    const source = writeVariant(key, {});
    const file = join(source, "config.json");
    writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), [key]: value }),
    );
    const { failure } = await run("import", source);
    expect(failure).toMatchObject({ code: "config_not_supported", param: key });
  });

  it("plain weights where the configuration announces levels", async ({ expect }) => {
    const source = writeVariant("announced", { config: { unmask_quantization: "int8" } });
    const { failure } = await run("import", source);
    expect(failure.code).toBe("tensor_not_supported");
  });

  it("weights that are not numbers, names them and leaves nothing behind", async ({ expect }) => {
    const source = writeVariant("infinite", {});
    const file = join(source, "model.safetensors");
    const bytes = readFileSync(file);
    // The last tensor of the file is the output head.
    bytes.writeUInt32LE(0x7f80_0000, bytes.length - 4);
    writeFileSync(file, bytes);
    const { failure } = await run("import", source, "--quantize", "int8");
    expect(failure).toMatchObject({
      code: "checkpoint_corrupt",
      param: "model.transformer.ff_out.weight",
    });
    expect(existsSync(`${source}-int8`)).toBe(false);
  });

  it.for<[string[], object]>([
    [["--quantize", "int3"], { code: "invalid_parameter", param: "quantize" }],
    [["--out", "somewhere"], { code: "invalid_parameter", param: "out" }],
    [["--text", "somewhere"], { code: "invalid_parameter", param: "text" }],
    [["--layers", "0"], { code: "invalid_parameter", param: "layers" }],
    [["--layers", "many"], { code: "invalid_parameter", param: "layers" }],
    [["--checkpoint", "another"], { code: "invalid_parameter", param: "checkpoint" }],
    [["another"], { code: "invalid_parameter", param: "checkpoint" }],
    [["--quantize", "int8", "--out", PUBLISHED], { code: "invalid_parameter", param: "out" }],
  ])("the words %j", async ([words, wanted], { expect }) => {
    expect((await run("import", PUBLISHED, ...words)).failure).toMatchObject(wanted);
  });

  it("a folder that holds no checkpoint", async ({ expect }) => {
    const { failure } = await run("import", join(folder, "none"));
    expect(failure).toMatchObject({ code: "checkpoint_not_found", param: "config.json" });
  });
});
