import { describe, it } from "vitest";
import { readConfig } from "../../../gpu-backend/config.ts";
import { ApiError } from "../../../shared/contracts/errors.ts";

const SECRET = "x".repeat(32);
const read = (changes: Record<string, string> = {}) =>
  readConfig({ UNMASK_GRANT_SECRET: SECRET, ...changes });

function refusal(environment: Record<string, string>): ApiError {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ApiError) return error;
  }
  throw new Error("it was accepted");
}

describe("readConfig", () => {
  it("needs nothing but the secret", ({ expect }) => {
    expect(read()).toMatchObject({
      host: "127.0.0.1",
      port: 0,
      checkpointDirectory: expect.stringMatching(/gpu-backend\/model\/default$/),
      modelId: "unmask-default",
      nodeId: expect.stringMatching(/./),
      executionProvider: "cpu",
      threadCount: 0,
      edge: null,
      nodeUrl: null,
      drainMs: 8_000,
      parentProcessId: null,
    });
  });

  it("takes every setting from its variable", ({ expect }) => {
    expect(
      read({
        UNMASK_NODE_PORT: "8080",
        UNMASK_NODE_HOST: "0.0.0.0",
        UNMASK_CHECKPOINT: "/models/LLaDA-8B-Instruct/",
        UNMASK_EDGE_URL: "https://edge.example/",
        UNMASK_SPOOL_DIRECTORY: "/var/lib/unmask/",
        UNMASK_NODE_URL: "https://nodes.example/10.1.2.3",
        UNMASK_DRAIN_MS: "60000",
        UNMASK_NODE_ID: "node-7",
        UNMASK_EXECUTION_PROVIDER: "cuda",
        UNMASK_THREADS: "2",
        UNMASK_MAX_BATCH_ROWS: "16",
        UNMASK_MAX_QUEUE: "0",
        UNMASK_SESSIONS: "0",
        UNMASK_PARENT_PID: "42",
      }),
    ).toEqual({
      host: "0.0.0.0",
      port: 8080,
      checkpointDirectory: "/models/LLaDA-8B-Instruct",
      modelId: "LLaDA-8B-Instruct",
      nodeId: "node-7",
      grantSecret: SECRET,
      edge: { url: "https://edge.example", spoolDirectory: "/var/lib/unmask" },
      nodeUrl: "https://nodes.example/10.1.2.3",
      drainMs: 60_000,
      executionProvider: "cuda",
      threadCount: 2,
      sideSessionCount: 0,
      maxBatchRows: 16,
      maxQueue: 0,
      parentProcessId: 42,
    });
  });

  it.for([
    "ftp://edge",
    "https://name:word@edge",
    "https://edge/?a",
    "https://edge/#a",
    "//edge",
    "edge",
  ])("takes no address that an edge or a node cannot have: %s", (url, { expect }) => {
    for (const param of ["UNMASK_EDGE_URL", "UNMASK_NODE_URL"]) {
      const environment = { UNMASK_GRANT_SECRET: SECRET, UNMASK_SPOOL_DIRECTORY: "/s" };
      const refused = refusal({ ...environment, [param]: url });
      expect(refused).toMatchObject({ code: "invalid_parameter", param });
    }
  });

  it("posts receipts where it has both an address and a place to keep them", ({ expect }) => {
    const environment = { UNMASK_GRANT_SECRET: SECRET, UNMASK_EDGE_URL: "http://edge" };
    expect(refusal(environment)).toMatchObject({
      code: "missing_parameter",
      param: "UNMASK_SPOOL_DIRECTORY",
    });
  });

  it("takes an empty variable for an absent one", ({ expect }) => {
    expect(read({ UNMASK_NODE_PORT: "", UNMASK_MODEL_ID: "" })).toEqual(read());
    expect(refusal({ UNMASK_GRANT_SECRET: "" })).toMatchObject({
      code: "missing_parameter",
      param: "UNMASK_GRANT_SECRET",
      message: "UNMASK_GRANT_SECRET is required.",
    });
  });

  it("refuses what it cannot use, by name and without the value", ({ expect }) => {
    for (const [name, value] of [
      ["UNMASK_NODE_PORT", "65536"],
      ["UNMASK_NODE_PORT", "-1"],
      ["UNMASK_NODE_PORT", "80a"],
      ["UNMASK_MAX_BATCH_ROWS", "0"],
      ["UNMASK_MAX_QUEUE", "1.5"],
      ["UNMASK_THREADS", "1e3"],
      ["UNMASK_EXECUTION_PROVIDER", "tpu"],
      ["UNMASK_GRANT_SECRET", "a-short-secret"],
    ] as const) {
      const error = refusal({ UNMASK_GRANT_SECRET: SECRET, [name]: value });
      expect(error).toMatchObject({ code: "invalid_parameter", param: name });
      expect(error.message).toMatch(new RegExp(`^${name} must [^\n]+\\.$`));
      expect(error.message).not.toContain("a-short-secret");
    }
  });

  it("leaves the sessions to the node, and refuses them on a device", ({ expect }) => {
    const SECRET = { UNMASK_GRANT_SECRET: "x".repeat(32) };
    expect(readConfig(SECRET).sideSessionCount).toBeNull();
    expect(readConfig({ ...SECRET, UNMASK_SESSIONS: "2" }).sideSessionCount).toBe(2);
    const onDevice = { ...SECRET, UNMASK_EXECUTION_PROVIDER: "cuda" };
    expect(readConfig({ ...onDevice, UNMASK_SESSIONS: "0" }).sideSessionCount).toBe(0);
    expect(() => readConfig({ ...onDevice, UNMASK_SESSIONS: "2" })).toThrow(
      expect.objectContaining({ code: "invalid_parameter", param: "UNMASK_SESSIONS" }),
    );
  });
});
