/**
 * A node's HTTP interface: the table of its routes, and the one place where errors are answered.
 *
 * Owns: routes, who may call them, the error body.
 * Does not own: the socket (start-server.ts), the work behind a route.
 */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toApiError, toErrorBody } from "#shared/contracts/error-body.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type { Logger } from "../engine/logger.ts";
import { GenerationHandler } from "./generation-handler.ts";
import { GrantGate, invalidGrant, toJobId } from "./grant-gate.ts";
import type { NodeAppParts, NodeEnv } from "./node-app-parts.ts";

/** Puts the routes together. */
export function createNodeApp(parts: NodeAppParts): Hono<NodeEnv> {
  const { engine, model } = parts;
  const gate = new GrantGate({ secret: parts.grantSecret, now: parts.now });
  const generations = new GenerationHandler(parts, gate);
  const app = new Hono<NodeEnv>();

  app.get("/healthz", (context) => context.json({ status: "live" }));
  app.get("/readyz", (context) => {
    if (engine.isDraining) throw new ApiError("no_ready_node", "The node is shutting down.");
    const { runningCount, waitingCount } = engine.load;
    return context.json({ status: "ready", running: runningCount, waiting: waitingCount });
  });
  app.get("/model", (context) => {
    const { stepMs } = engine.load;
    return context.json({ ...model.description, ...(stepMs > 0 ? { step_ms: stepMs } : {}) });
  });
  const { metrics } = parts;
  if (metrics !== undefined) {
    app.get("/metrics", async (context) => {
      context.header("content-type", metrics.contentType);
      return context.body(await metrics.read());
    });
  }

  // Before the body is read: nobody makes the node work without a grant.
  app.post("/generations/*", async (context, next) => {
    const authorization = context.req.header("authorization");
    context.set("grant", await gate.verify(authorization));
    context.set("grantToken", authorization?.replace(/^Bearer +/i, "") ?? "");
    await next();
  });
  app.post("/generations", (context) => generations.handle(context));
  app.post("/generations/:id/cancel", (context) => {
    const requestId = context.req.param("id");
    if (context.get("grant").request_id !== requestId) {
      throw invalidGrant("The grant is for another request.");
    }
    if (!engine.cancel(toJobId(context.get("grant")))) {
      throw new ApiError("not_found", "No such generation runs or waits here.");
    }
    return context.json({ request_id: requestId }, 202);
  });

  const { drain } = parts;
  if (drain !== undefined) {
    app.post("/drain", async (context) => {
      await gate.verifyDrain(context.req.header("authorization"));
      // Ends when the node has nothing left or its time is over; the next heartbeat tells the edge.
      void drain();
      return context.json({ status: "draining" }, 202);
    });
  }

  answerErrors(app, parts.logger);
  return app;
}

function answerErrors(app: Hono<NodeEnv>, logger: Logger): void {
  const methods = {
    "/healthz": "GET",
    "/readyz": "GET",
    "/model": "GET",
    "/metrics": "GET",
  } as const;
  for (const [path, method] of Object.entries({
    ...methods,
    "/drain": "POST",
    "/generations": "POST",
    "/generations/:id/cancel": "POST",
  })) {
    app.all(path, (context) => {
      context.header("allow", method);
      throw new ApiError("method_not_allowed", `This path answers ${method} only.`);
    });
  }
  app.notFound(() => {
    throw new ApiError("not_found", "No such path.");
  });
  app.onError((thrown, context) => {
    const error = toApiError(thrown);
    const requestId = context.get("grant")?.request_id ?? null;
    const fields = { request_id: requestId, code: error.code };
    if (error === thrown) logger.info("request_refused", fields);
    else logger.error("request_failed", { ...fields, cause: thrown.name });
    // The rest of the body is not read; what follows it on the connection cannot be told from it.
    if (error.code === "body_too_large") context.header("connection", "close");
    if (error.status === 401) context.header("www-authenticate", "Bearer");
    if (error.retryAfterSeconds !== null) {
      context.header("retry-after", String(error.retryAfterSeconds));
    }
    return context.json(toErrorBody(error, requestId), error.status as ContentfulStatusCode);
  });
}
