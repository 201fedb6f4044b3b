import { mkdirSync } from "node:fs";
import { type Checkpoint, readCheckpoint } from "../../gpu-backend/model/checkpoint.ts";
import type { Quantization } from "../../gpu-backend/model/quantization.ts";
import { quantizeCheckpoint } from "../../gpu-backend/model/quantize-checkpoint.ts";

/** Quantises the checkpoint in `from` into the new folder `out`, and reads it. */
export async function quantizeFolder(
  from: string,
  out: string,
  quantization: Quantization,
): Promise<Checkpoint> {
  mkdirSync(out);
  await quantizeCheckpoint(await readCheckpoint(from), quantization, out, () => undefined);
  return await readCheckpoint(out);
}
