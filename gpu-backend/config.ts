/** A node's settings: the only reader of the environment. */
import { hostname } from "node:os";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { nodeUrlSchema } from "#shared/contracts/pool.ts";

/** The checkpoint that ships with the repository. */
export const DEFAULT_CHECKPOINT: string = fileURLToPath(
  new URL("./model/default", import.meta.url),
);
const DEFAULT_MODEL_ID = "unmask-default";

const MAX_PORT = 65_535;
const MIN_SECRET_CHARACTERS = 32;

/** A whole number as an environment variable spells it. */
function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.int(message).min(min, message).max(max, message));
}

const environmentSchema = z.object({
  /** 0 takes any free port. */
  UNMASK_NODE_PORT: wholeNumber(0, MAX_PORT).default(0),
  UNMASK_NODE_HOST: z.string().default("127.0.0.1"),
  UNMASK_CHECKPOINT: z.string().default(DEFAULT_CHECKPOINT),
  UNMASK_MODEL_ID: z.string().max(128, "must have at most 128 characters").optional(),
  /** Shared with the edge: verifies grants, signs receipts. */
  UNMASK_GRANT_SECRET: z
    .string("is required")
    .min(MIN_SECRET_CHARACTERS, `must have at least ${MIN_SECRET_CHARACTERS} characters`),
  /** The edge; without it nobody knows of the node, and receipts are told in streams only. */
  UNMASK_EDGE_URL: z
    .string()
    .transform((url) => url.replace(/\/+$/, ""))
    .pipe(nodeUrlSchema)
    .optional(),
  /** Where the edge reaches the node; where it listens when left out. */
  UNMASK_NODE_URL: nodeUrlSchema.optional(),
  /** How long a drain lets running blocks end. */
  UNMASK_DRAIN_MS: wholeNumber(0, 3_600_000).default(8_000),
  /** Where receipts wait for the edge; this node's own, and still there after a restart. */
  UNMASK_SPOOL_DIRECTORY: z.string().optional(),
  UNMASK_NODE_ID: z.string().default(() => `${hostname()}-${process.pid}`),
  UNMASK_EXECUTION_PROVIDER: z
    .enum(["cpu", "cuda", "tensorrt", "webgpu"], "must be cpu, cuda, tensorrt or webgpu")
    .default("cpu"),
  /** 0 lets the runtime choose. */
  UNMASK_THREADS: wholeNumber(0, 1_024).default(0),
  /** Sessions of one thread beside the one with all; chosen by the weights' size when left out. */
  UNMASK_SESSIONS: wholeNumber(0, 256).optional(),
  UNMASK_MAX_BATCH_ROWS: wholeNumber(1, 1_024).default(8),
  UNMASK_MAX_QUEUE: wholeNumber(0, 100_000).default(64),
  /** The node stops when this process is no longer its parent. */
  UNMASK_PARENT_PID: wholeNumber(1, 2 ** 31).optional(),
});

/** What `main.ts` is told. */
export interface NodeConfig {
  readonly host: string;
  readonly port: number;
  /** Directory in the Hugging Face layout, absolute. */
  readonly checkpointDirectory: string;
  readonly modelId: string;
  readonly nodeId: string;
  readonly grantSecret: string;
  /** Whose node it is, and from where receipts are posted to it; null for nobody's. */
  readonly edge: { readonly url: string; readonly spoolDirectory: string } | null;
  /** How long a drain lets running blocks end, milliseconds; shorter than any supervisor's patience. */
  readonly drainMs: number;
  /** Where the edge reaches it; null for where it listens. */
  readonly nodeUrl: string | null;
  readonly executionProvider: "cpu" | "cuda" | "tensorrt" | "webgpu";
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threadCount: number;
  /** Sessions of one thread beside the one with all; null to choose by the weights' size. */
  readonly sideSessionCount: number | null;
  readonly maxBatchRows: number;
  readonly maxQueue: number;
  /** Process whose end ends this one; null for none. */
  readonly parentProcessId: number | null;
}

/**
 * Reads the environment; an empty variable counts as absent.
 *
 * @throws {ApiError} `missing_parameter` or `invalid_parameter`, `param` the variable's name; the
 *   message never repeats its value.
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): NodeConfig {
  const given = Object.entries(environment).filter(([, value]) => value !== "");
  const result = environmentSchema.safeParse(Object.fromEntries(given));
  if (!result.success) throw describeFault(result.error, environment);
  const values = result.data;
  const checkpointDirectory = resolve(values.UNMASK_CHECKPOINT);
  return {
    host: values.UNMASK_NODE_HOST,
    port: values.UNMASK_NODE_PORT,
    checkpointDirectory,
    modelId: values.UNMASK_MODEL_ID ?? defaultModelId(checkpointDirectory),
    nodeId: values.UNMASK_NODE_ID,
    grantSecret: values.UNMASK_GRANT_SECRET,
    edge: readEdge(values),
    nodeUrl: values.UNMASK_NODE_URL ?? null,
    drainMs: values.UNMASK_DRAIN_MS,
    executionProvider: values.UNMASK_EXECUTION_PROVIDER,
    threadCount: values.UNMASK_THREADS,
    sideSessionCount: readSessions(values),
    maxBatchRows: values.UNMASK_MAX_BATCH_ROWS,
    maxQueue: values.UNMASK_MAX_QUEUE,
    parentProcessId: values.UNMASK_PARENT_PID ?? null,
  };
}

/** Both of the two, or neither. */
function readEdge({
  UNMASK_EDGE_URL: url,
  UNMASK_SPOOL_DIRECTORY: directory,
}: z.infer<typeof environmentSchema>): NodeConfig["edge"] {
  if (url === undefined && directory === undefined) return null;
  if (url !== undefined && directory !== undefined) {
    return { url, spoolDirectory: resolve(directory) };
  }
  const param = url === undefined ? "UNMASK_EDGE_URL" : "UNMASK_SPOOL_DIRECTORY";
  throw new ApiError("missing_parameter", `${param} is required with its companion.`, { param });
}

/** A session of one thread is one of a CPU. */
function readSessions({
  UNMASK_SESSIONS: count,
  UNMASK_EXECUTION_PROVIDER: provider,
}: z.infer<typeof environmentSchema>): number | null {
  if (!count || provider === "cpu") return count ?? null;
  const message = "UNMASK_SESSIONS must be 0 with a provider other than cpu.";
  throw new ApiError("invalid_parameter", message, { param: "UNMASK_SESSIONS" });
}

/** The folder's own name; the checkpoint of the repository has one of its own. */
function defaultModelId(checkpointDirectory: string): string {
  return checkpointDirectory === DEFAULT_CHECKPOINT
    ? DEFAULT_MODEL_ID
    : basename(checkpointDirectory);
}

function describeFault(
  error: z.ZodError,
  environment: Readonly<Record<string, string | undefined>>,
): ApiError {
  const issue = error.issues[0];
  const name = String(issue?.path[0]);
  const code = environment[name] ? "invalid_parameter" : "missing_parameter";
  return new ApiError(code, `${name} ${issue?.message}.`, { param: name });
}

/** What the command line's client commands find in the environment; `null` for what is not set. */
export interface ClientConfig {
  /** Base URL of a deployment. */
  readonly url: string | null;
  readonly apiKey: string | null;
  readonly managementKey: string | null;
}

/** Reads where a deployment is, and who asks. */
export function readClientConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ClientConfig {
  return {
    url: environment["UNMASK_URL"] || null,
    apiKey: environment["UNMASK_API_KEY"] || null,
    managementKey: environment["UNMASK_MANAGEMENT_KEY"] || null,
  };
}
