import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Checkpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { writeGguf } from "./gguf-file.ts";
import { PeerProcess } from "./peer-process.ts";
import type { GgmlAnswer, GgmlOrder } from "./serve-ggml.ts";

const VERSION = "3.22.1";
const INSTALL_TIMEOUT_MS = 180_000;
const PROGRAM = join(import.meta.dirname, "serve-ggml.ts");

/** The same weights in ggml through `node-llama-cpp`, one thread, its clock being CPU time. */
export class GgmlPeer {
  readonly #process: PeerProcess;

  private constructor(peer: PeerProcess) {
    this.#process = peer;
  }

  /**
   * Installs the package into `folder`, outside the repository, and loads `checkpoint` in it.
   *
   * @throws {Error} that says why, where npm or the package cannot.
   */
  static async install(folder: string, checkpoint: Checkpoint): Promise<GgmlPeer> {
    const packages = ["node-llama-cpp", `@node-llama-cpp/${process.platform}-${process.arch}`];
    await promisify(execFile)(
      "npm",
      [
        ...["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"],
        // Else the libraries of every platform and GPU come along.
        "--omit=optional",
        ...packages.map((name) => `${name}@${VERSION}`),
      ],
      { cwd: folder, timeout: INSTALL_TIMEOUT_MS },
    );
    const gguf = join(folder, "model.gguf");
    writeGguf(checkpoint, gguf);
    return new GgmlPeer(new PeerProcess(process.execPath, [PROGRAM, folder, gguf], {}));
  }

  async forward(order: GgmlOrder): Promise<GgmlAnswer> {
    return await this.#process.ask(order);
  }

  async close(): Promise<void> {
    await this.#process.close();
  }
}
