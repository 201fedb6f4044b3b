/** The table of contents: middleware and routes, in the order they run. Walk: step 1. */
import { Hono } from "hono";
import {
  createAccountRequestSchema,
  createCreditRequestSchema,
  createKeyRequestSchema,
} from "#shared/contracts/accounts.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
} from "#shared/contracts/public-api.ts";
import type { AppEnvironment, Platform } from "./environment.ts";
import { authenticate, authenticateOperator, recognize } from "./middleware/authenticate.ts";
import { bodyLimit } from "./middleware/body-limit.ts";
import { answerError, answerNotFound, refuseMethods } from "./middleware/error-response.ts";
import { requestId } from "./middleware/request-id.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { serverTiming } from "./middleware/server-timing.ts";
import { validateBody } from "./middleware/validate-body.ts";
import { createAccount, creditAccount } from "./routes/accounts.ts";
import { createChatCompletion } from "./routes/chat-completions.ts";
import { createCompletion } from "./routes/completions.ts";
import { answerHealth } from "./routes/health.ts";
import { createKey, listKeys, revokeKey } from "./routes/keys.ts";
import { listModels, retrieveModel } from "./routes/models.ts";

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
  app.use(requestId(), securityHeaders(), serverTiming(), refuseMethods(app));

  app.get("/healthz", answerHealth);

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
  app.get("/v1/models", authenticate("inference", "management"), listModels);
  app.get("/v1/models/:id", authenticate("inference", "management"), retrieveModel);

  app.post(
    "/v1/accounts",
    authenticateOperator(),
    bodyLimit(),
    validateBody(createAccountRequestSchema),
    createAccount,
  );
  app.post(
    "/v1/accounts/:id/credits",
    authenticateOperator(),
    bodyLimit(),
    validateBody(createCreditRequestSchema),
    creditAccount,
  );
  app.post(
    "/v1/keys",
    authenticate("management"),
    bodyLimit(),
    validateBody(createKeyRequestSchema),
    createKey,
  );
  app.get("/v1/keys", authenticate("management"), listKeys);
  app.delete("/v1/keys/:id", authenticate("management"), revokeKey);

  return app;
}
