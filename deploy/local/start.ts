/**
 * `npm start`: the whole product on this machine until Ctrl-C. `-- --port N` chooses the port (0:
 * any free one), `-- --directory DIR` where keys and state are kept, `-- --nodes N` how many nodes
 * there are, `-- --nodes MIN..MAX` between which numbers the work decides.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type NodeBounds, parseNodeBounds } from "../../gpu-backend/autoscale/node-bounds.ts";
import { type Demo, ensureDemoKeys } from "./demo-keys.ts";
import { createSecrets, type StackSecrets, startLocalStack } from "./local-stack.ts";
import { LOCAL_DIRECTORY } from "./paths.ts";
import { isPortFree, untilStopped } from "./process-life.ts";

const DEFAULT_PORT = 8787;

interface StartOptions {
  readonly port: number;
  readonly directory: string;
  readonly nodes: NodeBounds;
}

function readOptions(): StartOptions {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: String(DEFAULT_PORT) },
      directory: { type: "string", default: LOCAL_DIRECTORY },
      nodes: { type: "string", default: "1" },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`--port takes a number from 0 to 65535, not ${values.port}.`);
  }
  return { port, directory: resolve(values.directory), nodes: parseNodeBounds(values.nodes) };
}

async function readSecrets(directory: string): Promise<StackSecrets> {
  const file = join(directory, "secrets.json");
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    const secrets = createSecrets();
    await writeFile(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
    return secrets;
  }
}

function greeting(stackUrl: string, demo: Demo, demoFile: string): string {
  return `
Unmask is up at ${stackUrl}   (keys in ${demoFile}, Ctrl-C stops it)

Watch a canvas fill:

${stackUrl}/#${new URLSearchParams({ api_key: demo.api_key, management_key: demo.management_key })}

Or ask:

curl -s ${demo.base_url}/chat/completions \\
  -H "authorization: Bearer ${demo.api_key}" \\
  -H "content-type: application/json" \\
  -d '{"messages": [{"role": "user", "content": "Tell me a story about a cat."}], "max_tokens": 64}'

`;
}

async function start(stopped: Promise<void>): Promise<void> {
  const { port, directory, nodes } = readOptions();
  if (!(await isPortFree(port))) {
    throw new Error(`Port ${port} is taken. Choose another: npm start -- --port ${port + 1}`);
  }
  await mkdir(directory, { recursive: true });
  const secrets = await readSecrets(directory);
  const stack = await startLocalStack({
    port,
    directory,
    secrets,
    nodes,
    writeLog: (text) => process.stderr.write(text),
  });
  try {
    const demoFile = join(directory, "demo.json");
    const demo = await ensureDemoKeys(stack.url, secrets.OPERATOR_SECRET, demoFile);
    process.stdout.write(greeting(stack.url, demo, demoFile));
    await stopped;
  } finally {
    await stack.stop();
  }
}

try {
  // Listened for from the first moment: a stop while things start must stop what has started.
  await start(untilStopped());
  process.exit(0);
} catch (error) {
  process.stderr.write(`unmask: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
