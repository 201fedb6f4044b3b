/** Every operation of the public API, as the OpenAPI document tells it. A table; the app is the truth. */
import type { z } from "zod";
import {
  apiKeyListSchema,
  apiKeySchema,
  createAccountRequestSchema,
  createCreditRequestSchema,
  createdAccountSchema,
  createdApiKeySchema,
  createKeyRequestSchema,
  listKeysQuerySchema,
  rotateKeyRequestSchema,
  updateKeyRequestSchema,
} from "#shared/contracts/accounts.ts";
import {
  ledgerPageSchema,
  ledgerQuerySchema,
  quoteRequestSchema,
  quoteSchema,
  tierListSchema,
  usageQuerySchema,
  usageReportSchema,
} from "#shared/contracts/billing.ts";
import { generationEventSchema, generationSchema } from "#shared/contracts/generation-events.ts";
import { eventsQuerySchema, generationRequestSchema } from "#shared/contracts/generations.ts";
import { infillAnswerSchema, infillRequestSchema } from "#shared/contracts/infill.ts";
import { ledgerEntrySchema } from "#shared/contracts/ledger.ts";
import {
  chatCompletionSchema,
  completionSchema,
  modelListSchema,
  modelSchema,
} from "#shared/contracts/openai-answers.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
} from "#shared/contracts/public-api.ts";
import {
  reconciliationRequestSchema,
  reconciliationSchema,
} from "#shared/contracts/reconciliation.ts";
import { scoreAnswerSchema, scoreRequestSchema } from "#shared/contracts/score.ts";
import { topUpRequestSchema, topUpSessionSchema } from "#shared/contracts/top-ups.ts";

/** One method of one path. */
export interface Operation {
  readonly method: "get" | "post" | "patch" | "delete";
  /** Parameters in braces. */
  readonly path: string;
  readonly summary: string;
  /** Who may. */
  readonly bearer: "inference key" | "management key" | "any key" | "operator's secret";
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  readonly status: 200 | 201;
  readonly answer: z.ZodType;
  /** True where `stream: true` answers by server-sent events. */
  readonly isStreamable?: boolean;
  /** True where nothing else is answered: `answer` is the `data` of each event. */
  readonly isStream?: boolean;
}

const generation = {
  method: "post",
  bearer: "inference key",
  status: 200,
  isStreamable: true,
} as const;
const read = { method: "get", status: 200 } as const;
const write = { method: "post", status: 201 } as const;

/** The table, in the order of the app's own. */
export const OPERATIONS: readonly Operation[] = [
  {
    ...generation,
    path: "/v1/chat/completions",
    summary: "Answers a conversation.",
    body: chatCompletionRequestSchema,
    answer: chatCompletionSchema,
  },
  {
    ...generation,
    path: "/v1/completions",
    summary: "Continues a text.",
    body: completionRequestSchema,
    answer: completionSchema,
  },
  {
    ...generation,
    path: "/v1/generations",
    summary:
      "Writes a text, fills a template or answers JSON, natively. A stream tells the canvas as it fills; background answers 202 at once. Events are kept for a quarter of an hour after the end.",
    body: generationRequestSchema,
    answer: generationSchema,
  },
  {
    ...read,
    path: "/v1/generations/{id}",
    summary: "Tells of a generation as it stands.",
    bearer: "inference key",
    answer: generationSchema,
  },
  {
    ...read,
    path: "/v1/generations/{id}/events",
    summary: "Tells a generation's events from behind Last-Event-ID or after, and those to come.",
    bearer: "inference key",
    query: eventsQuerySchema,
    answer: generationEventSchema,
    isStream: true,
  },
  {
    method: "post",
    path: "/v1/generations/{id}/cancel",
    summary: "Stops a generation at its next step; may be repeated.",
    bearer: "inference key",
    status: 200,
    answer: generationSchema,
  },
  {
    ...generation,
    path: "/v1/infill",
    summary:
      "Fills the holes of a text, wherever they are. A stream tells the events of a native generation.",
    body: infillRequestSchema,
    answer: infillAnswerSchema,
  },
  {
    method: "post",
    path: "/v1/score",
    summary: "Estimates how likely answers are after a prompt.",
    bearer: "inference key",
    body: scoreRequestSchema,
    status: 200,
    answer: scoreAnswerSchema,
  },
  {
    ...read,
    path: "/v1/models",
    summary: "Lists the models that nodes serve now.",
    bearer: "any key",
    answer: modelListSchema,
  },
  {
    ...read,
    path: "/v1/models/{id}",
    summary: "Tells of one model.",
    bearer: "any key",
    answer: modelSchema,
  },
  {
    ...read,
    path: "/v1/tiers",
    summary: "Lists the tiers, at the account's price.",
    bearer: "any key",
    answer: tierListSchema,
  },
  {
    method: "post",
    path: "/v1/quote",
    summary:
      "Tells the most that the body of any generating endpoint would cost, by tier; nothing runs.",
    bearer: "any key",
    body: quoteRequestSchema,
    status: 200,
    answer: quoteSchema,
  },
  {
    ...read,
    path: "/v1/ledger",
    summary: "Lists every movement of money, newest first, chained by hash.",
    bearer: "management key",
    query: ledgerQuerySchema,
    answer: ledgerPageSchema,
  },
  {
    ...read,
    path: "/v1/usage",
    summary: "Tells what was executed and charged, by day, model, tier and key.",
    bearer: "management key",
    query: usageQuerySchema,
    answer: usageReportSchema,
  },
  {
    ...write,
    path: "/v1/top-ups",
    summary: "Opens a payment at Stripe Checkout; the money comes in once it is paid.",
    bearer: "management key",
    body: topUpRequestSchema,
    answer: topUpSessionSchema,
  },
  {
    ...write,
    path: "/v1/keys",
    summary: "Issues a key, which is told here only.",
    bearer: "management key",
    body: createKeyRequestSchema,
    answer: createdApiKeySchema,
  },
  {
    ...read,
    path: "/v1/keys",
    summary: "Lists the account's keys, oldest first, without their secrets.",
    bearer: "management key",
    query: listKeysQuerySchema,
    answer: apiKeyListSchema,
  },
  {
    ...write,
    path: "/v1/keys/{id}/rotate",
    summary: "Puts a new key in a live one's place; both work for the overlap.",
    bearer: "management key",
    body: rotateKeyRequestSchema,
    answer: createdApiKeySchema,
  },
  {
    method: "patch",
    path: "/v1/keys/{id}",
    summary: "Changes a live key, from the next request on; null takes a bound away.",
    bearer: "management key",
    body: updateKeyRequestSchema,
    status: 200,
    answer: apiKeySchema,
  },
  {
    method: "delete",
    path: "/v1/keys/{id}",
    summary: "Revokes a key, from the next request on.",
    bearer: "management key",
    status: 200,
    answer: apiKeySchema,
  },
  {
    ...write,
    path: "/v1/accounts",
    summary: "Opens an account with its first management key, which is told here only.",
    bearer: "operator's secret",
    body: createAccountRequestSchema,
    answer: createdAccountSchema,
  },
  {
    ...write,
    path: "/v1/accounts/{id}/credits",
    summary: "Puts money in, once for each idempotency key.",
    bearer: "operator's secret",
    body: createCreditRequestSchema,
    answer: ledgerEntrySchema,
  },
  {
    method: "post",
    path: "/v1/accounts/{id}/reconciliation",
    summary:
      "Compares an account's entries with the table for reports; repair sends again what differs.",
    bearer: "operator's secret",
    body: reconciliationRequestSchema,
    status: 200,
    answer: reconciliationSchema,
  },
];
