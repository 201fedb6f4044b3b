/**
 * Installs the locked packages when `node_modules` does not hold them. Runs on the system's Node
 * before anything else, so it is plain JavaScript that imports nothing but Node itself.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MIN_NODE_MAJOR = 20;
/** A lock older than this was left by an install that was killed. */
const STALE_LOCK_MS = 10 * 60_000;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const lockDirectory = join(root, ".unmask", "install.lock");

/** @param {string} path */
function packagesOf(path) {
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, "utf8")).packages ?? {};
}

/** True when every package of the lock file is there in its locked version, optional ones aside. */
function isInstalled() {
  const locked = packagesOf(join(root, "package-lock.json"));
  const present = packagesOf(join(root, "node_modules", ".package-lock.json"));
  return Object.entries(locked).every(
    ([path, entry]) =>
      path === "" ||
      entry.optional === true ||
      entry.peer === true ||
      present[path]?.version === entry.version,
  );
}

/** Two commands started at once must not install into the same folder. */
function acquireLock() {
  mkdirSync(dirname(lockDirectory), { recursive: true });
  for (;;) {
    try {
      mkdirSync(lockDirectory);
      return;
    } catch {
      const heldMs =
        Date.now() - (statSync(lockDirectory, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (heldMs > STALE_LOCK_MS) rmSync(lockDirectory, { recursive: true, force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
}

function install() {
  process.stderr.write("Installing packages (once) …\n");
  const npm = process.env.npm_execpath;
  const [command, first] = npm ? [process.execPath, [npm]] : ["npm", []];
  // npm's own messages go to stderr: stdout belongs to the command that follows.
  const result = spawnSync(command, [...first, "ci"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status === 0) return;
  process.stderr.write("unmask: `npm ci` failed; its messages are above.\n");
  process.exitCode = 1;
}

if (Number(process.versions.node.split(".")[0]) < MIN_NODE_MAJOR) {
  process.stderr.write(
    `unmask: Node ${MIN_NODE_MAJOR} or newer is needed, this is ${process.version}.\n`,
  );
  process.exitCode = 1;
} else if (!isInstalled()) {
  acquireLock();
  try {
    if (!isInstalled()) install();
  } finally {
    rmSync(lockDirectory, { recursive: true, force: true });
  }
}
