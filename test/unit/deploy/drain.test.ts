/** The preStop hook as a pod runs it, beside a node that is played here. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it } from "vitest";
import { drainOrderSchema } from "#shared/contracts/pool.ts";
import { verifyToken } from "#shared/contracts/signed-token.ts";
import { findDeployment } from "./deployment-shape.ts";
import { ROOT, readManifests } from "./read-manifests.ts";

const SECRET = "s".repeat(40);

interface Call {
  readonly request: string;
  readonly token: string;
}

/** Runs the hook against a node that answers with `status`. */
async function runHook(status: number): Promise<{ exitCode: number | null; calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    calls.push({ request: `${request.method} ${request.url}`, token });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const hook = spawn(process.execPath, [join(ROOT, "deploy/docker/drain.ts")], {
    env: { UNMASK_NODE_PORT: String(port), UNMASK_GRANT_SECRET: SECRET },
    stdio: "inherit",
  });
  const exitCode = await new Promise<number | null>((resolve) => hook.on("exit", resolve));
  server.close();
  return { exitCode, calls };
}

describe("the preStop hook", () => {
  it("orders the node beside it to drain, once", { timeout: 60_000 }, async ({ expect }) => {
    const { exitCode, calls } = await runHook(202);
    expect(exitCode).toBe(0);
    expect(calls.map(({ request }) => request)).toEqual(["POST /drain"]);
    const order = drainOrderSchema.parse(await verifyToken(calls[0]?.token ?? "", SECRET));
    expect(order.expires_at).toBeGreaterThan(0);
  });

  it("says when the node does not take the order", { timeout: 60_000 }, async ({ expect }) => {
    expect((await runHook(401)).exitCode).toBe(1);
  });

  it("is what the manifest runs", ({ expect }) => {
    const [container] = findDeployment(readManifests(), "unmask-node").spec.template.spec
      .containers;
    const command = ["node", "deploy/docker/drain.ts"];
    expect(container?.lifecycle?.preStop).toEqual({ exec: { command } });
  });
});
