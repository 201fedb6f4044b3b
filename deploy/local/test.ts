/**
 * `npm test`: every check, then every test; goes on after a failure so that one run shows all.
 * `npm run check` is the first half alone (`--only check`).
 */
import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { LOCAL_DIRECTORY, QUIET_ENVIRONMENT, REPOSITORY_ROOT } from "./paths.ts";
import { untilStopped } from "./process-life.ts";

const ROOMS = ["shared", "edge", "edge/console", "gpu-backend", "deploy", "test"] as const;
const REPORT_FILE = join(LOCAL_DIRECTORY, "vitest-report.json");

/** The runtime's types are generated: they are large, and follow the compatibility date. */
const RUNTIME_TYPES = "edge/worker-configuration.d.ts";

const CHECKS: readonly (readonly string[])[] = [
  ["wrangler", "types", RUNTIME_TYPES, "--include-env=false"],
  ["biome", "check", "--error-on-warnings"],
  ...ROOMS.map((room) => ["tsc", "-p", room]),
  ["knip"],
];

const reportSchema = z.object({ numPassedTests: z.int(), numFailedTests: z.int() });

let running: ReturnType<typeof spawn> | null = null;

/** Runs one tool of `node_modules/.bin` in a process group of its own; true when it succeeds. */
function runTool(command: readonly string[]): Promise<boolean> {
  const [tool = "", ...parameters] = command;
  process.stdout.write(`\n▶ ${command.join(" ")}\n`);
  const child = spawn(join(REPOSITORY_ROOT, "node_modules", ".bin", tool), parameters, {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...QUIET_ENVIRONMENT },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  running = child;
  return new Promise((resolve) => {
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}

async function runTests(): Promise<{ passed: number; failed: number }> {
  await rm(REPORT_FILE, { force: true });
  const isGreen = await runTool([
    ...["vitest", "run", "--config", "test/vitest.config.ts"],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT_FILE}`],
  ]);
  try {
    const report = reportSchema.parse(JSON.parse(await readFile(REPORT_FILE, "utf8")));
    // A file that does not load has no failed test, yet the run has failed.
    const failed = isGreen ? 0 : Math.max(1, report.numFailedTests);
    return { passed: report.numPassedTests, failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

async function run(): Promise<boolean> {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  await mkdir(LOCAL_DIRECTORY, { recursive: true });
  const failures: string[] = [];
  for (const check of CHECKS) {
    if (!(await runTool(check))) failures.push(check.join(" "));
  }
  if (values.only === "check") return report(failures);
  const tests = await runTests();
  if (tests.failed > 0) failures.push("vitest");
  const checksPassed = CHECKS.length - failures.filter((name) => name !== "vitest").length;
  const isGreen = report(failures);
  process.stdout.write(
    `${tests.passed + checksPassed} passed, ${tests.failed + CHECKS.length - checksPassed} failed\n`,
  );
  return isGreen;
}

function report(failures: readonly string[]): boolean {
  process.stdout.write(
    failures.length === 0 ? "\nAll green.\n" : `\nFailed: ${failures.join("; ")}\n`,
  );
  return failures.length === 0;
}

void untilStopped().then(() => {
  // The whole group: vitest's workers, the nodes and workerd that its tests started.
  if (running?.pid !== undefined && running.exitCode === null)
    process.kill(-running.pid, "SIGTERM");
  process.exit(130);
});
process.exit((await run()) ? 0 : 1);
