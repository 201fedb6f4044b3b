/**
 * The gateway that ours is measured against, in the way its README starts it, installed for the run
 * alone. Its console, which would cost it time, is off.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { findFreePort } from "../../../deploy/local/node-process.ts";

const PACKAGE = "@portkey-ai/gateway@1.15.2";
const INSTALL_TIMEOUT_MS = 120_000;
const START_TIMEOUT_MS = 30_000;

export interface PortkeyGateway {
  /** Without a slash at the end. */
  readonly url: string;
  /** Stops it and removes its packages. */
  stop(): Promise<void>;
}

/**
 * Installs and starts the gateway.
 *
 * @throws Error if npm cannot fetch it, or it does not listen in time.
 */
export async function startPortkeyGateway(): Promise<PortkeyGateway> {
  const directory = await mkdtemp(join(tmpdir(), "unmask-portkey-"));
  try {
    await install(directory);
    const port = await findFreePort();
    const entry = join(directory, "node_modules/@portkey-ai/gateway/build/start-server.js");
    const child = spawn(process.execPath, [entry, "--headless", `--port=${port}`], {
      cwd: directory,
      env: { ...process.env, NODE_ENV: "production" },
      stdio: "ignore",
    });
    const url = `http://127.0.0.1:${port}`;
    const stop = async () => {
      const exited = child.exitCode === null ? once(child, "exit") : null;
      child.kill();
      await exited;
      await rm(directory, { recursive: true });
    };
    if (!(await isAnswering(url))) {
      await stop();
      throw new Error("The gateway does not start.");
    }
    return { url, stop };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function install(directory: string): Promise<void> {
  await writeFile(join(directory, "package.json"), '{ "private": true }');
  const parameters = ["install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE];
  await promisify(execFile)("npm", parameters, { cwd: directory, timeout: INSTALL_TIMEOUT_MS });
}

async function isAnswering(url: string): Promise<boolean> {
  for (const endsAt = Date.now() + START_TIMEOUT_MS; Date.now() < endsAt; await sleep(100)) {
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return true;
  }
  return false;
}
