/** The table of contents: middleware and routes, in the order they run. Walk: step 1. */
import { Hono } from "hono";
import {
  createAccountRequestSchema,
  createCreditRequestSchema,
  createKeyRequestSchema,
  rotateKeyRequestSchema,
  updateKeyRequestSchema,
} from "#shared/contracts/accounts.ts";
import { quoteRequestSchema } from "#shared/contracts/billing.ts";
import { generationRequestSchema } from "#shared/contracts/generations.ts";
import { infillRequestSchema } from "#shared/contracts/infill.ts";
import { postedReceiptSchema } from "#shared/contracts/node-wire.ts";
import { postedHeartbeatSchema } from "#shared/contracts/pool.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
} from "#shared/contracts/public-api.ts";
import { reconciliationRequestSchema } from "#shared/contracts/reconciliation.ts";
import { scoreRequestSchema } from "#shared/contracts/score.ts";
import { topUpRequestSchema } from "#shared/contracts/top-ups.ts";
import type { AppEnvironment, Platform } from "./environment.ts";
import {
  authenticate,
  authenticateOperator,
  authenticateScaler,
  recognize,
} from "./middleware/authenticate.ts";
import { bodyLimit } from "./middleware/body-limit.ts";
import { answerError, answerNotFound, refuseMethods } from "./middleware/error-response.ts";
import { limitHeaders } from "./middleware/limit-headers.ts";
import { requestId } from "./middleware/request-id.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { serverTiming } from "./middleware/server-timing.ts";
import { validateBody } from "./middleware/validate-body.ts";
import { createAccount, creditAccount } from "./routes/accounts.ts";
import { createChatCompletion } from "./routes/chat-completions.ts";
import { createCompletion } from "./routes/completions.ts";
import { createDocsHandler } from "./routes/docs.ts";
import {
  cancelGeneration,
  createGeneration,
  retrieveGeneration,
  streamGeneration,
} from "./routes/generations.ts";
import { answerHealth } from "./routes/health.ts";
import { createInfill } from "./routes/infill.ts";
import { createKey, listKeys, revokeKey, rotateKey, updateKey } from "./routes/keys.ts";
import { readLedger, readUsage } from "./routes/ledger.ts";
import { listModels, retrieveModel } from "./routes/models.ts";
import { takeHeartbeat } from "./routes/node-heartbeats.ts";
import { createOpenApiHandler } from "./routes/openapi.ts";
import { listTiers, quote } from "./routes/prices.ts";
import { takeReceipt } from "./routes/receipts.ts";
import { reconcileAccount } from "./routes/reconciliation.ts";
import { listNodes, readScaling } from "./routes/scaling.ts";
import { createScore } from "./routes/score.ts";
import { takeStripeEvent } from "./routes/stripe-events.ts";
import { createTopUp } from "./routes/top-ups.ts";

/** Creates the app. It keeps nothing between requests but what `platform` keeps. */
export function createApp(platform: Platform): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>();

  app.onError(answerError);
  app.notFound(answerNotFound);
  app.use(async (context, next) => {
    context.set("platform", platform);
    context.set("clientSignal", context.req.raw.signal);
    await next();
  });
  app.use(requestId(), securityHeaders(), serverTiming(), limitHeaders(), refuseMethods(app));

  app.get("/healthz", answerHealth);
  app.get("/openapi.json", createOpenApiHandler());
  app.get("/docs", createDocsHandler());
  routeGenerations(app);
  routePrices(app);
  routeManagement(app);
  // Nodes and Stripe, by signatures of their own.
  app.post("/internal/receipts", bodyLimit(), validateBody(postedReceiptSchema), takeReceipt);
  app.post(
    "/internal/nodes/heartbeat",
    bodyLimit(),
    validateBody(postedHeartbeatSchema),
    takeHeartbeat,
  );
  app.get("/internal/scaling", authenticateScaler(), readScaling);
  app.get("/internal/nodes", authenticateOperator(), listNodes);
  app.post("/internal/stripe-events", bodyLimit(), takeStripeEvent);
  return app;
}

/** What runs on nodes. The key is judged with the hold: one call to the account for both. */
function routeGenerations(app: Hono<AppEnvironment>): void {
  app.post(
    "/v1/chat/completions",
    recognize(),
    bodyLimit(),
    validateBody(chatCompletionRequestSchema),
    createChatCompletion,
  );
  app.post(
    "/v1/completions",
    recognize(),
    bodyLimit(),
    validateBody(completionRequestSchema),
    createCompletion,
  );
  app.post(
    "/v1/generations",
    recognize(),
    bodyLimit(),
    validateBody(generationRequestSchema),
    createGeneration,
  );
  app.post("/v1/infill", recognize(), bodyLimit(), validateBody(infillRequestSchema), createInfill);
  app.post("/v1/score", recognize(), bodyLimit(), validateBody(scoreRequestSchema), createScore);

  const reader = authenticate("inference");
  app.get("/v1/generations/:id", reader, retrieveGeneration);
  app.get("/v1/generations/:id/events", reader, streamGeneration);
  app.post("/v1/generations/:id/cancel", reader, cancelGeneration);
}

/** What there is, and what it costs. */
function routePrices(app: Hono<AppEnvironment>): void {
  const anyKey = authenticate("inference", "management");
  app.get("/v1/models", anyKey, listModels);
  app.get("/v1/models/:id", anyKey, retrieveModel);
  app.get("/v1/tiers", anyKey, listTiers);
  app.post("/v1/quote", anyKey, bodyLimit(), validateBody(quoteRequestSchema), quote);
}

/** An account's keys and money; accounts themselves are the operator's. */
function routeManagement(app: Hono<AppEnvironment>): void {
  const manager = authenticate("management");
  app.get("/v1/ledger", manager, readLedger);
  app.get("/v1/usage", manager, readUsage);
  app.post("/v1/top-ups", manager, bodyLimit(), validateBody(topUpRequestSchema), createTopUp);
  app.post("/v1/keys", manager, bodyLimit(), validateBody(createKeyRequestSchema), createKey);
  app.get("/v1/keys", manager, listKeys);
  app.post(
    "/v1/keys/:id/rotate",
    manager,
    bodyLimit(),
    validateBody(rotateKeyRequestSchema),
    rotateKey,
  );
  app.patch("/v1/keys/:id", manager, bodyLimit(), validateBody(updateKeyRequestSchema), updateKey);
  app.delete("/v1/keys/:id", manager, revokeKey);

  const operator = authenticateOperator();
  app.post(
    "/v1/accounts",
    operator,
    bodyLimit(),
    validateBody(createAccountRequestSchema),
    createAccount,
  );
  app.post(
    "/v1/accounts/:id/credits",
    operator,
    bodyLimit(),
    validateBody(createCreditRequestSchema),
    creditAccount,
  );
  app.post(
    "/v1/accounts/:id/reconciliation",
    operator,
    bodyLimit(),
    validateBody(reconciliationRequestSchema),
    reconcileAccount,
  );
}
