/** `/v1/generations`: our own words for a generation, and all that can be done with one. */
import { ApiError } from "#shared/contracts/errors.ts";
import {
  eventsQuerySchema,
  type GenerationRequest,
  toGenerationInput,
  toNativeParameters,
} from "#shared/contracts/generations.ts";
import { parseParameters } from "#shared/contracts/parse-parameters.ts";
import { toTier } from "#shared/contracts/public-api.ts";
import type { AppContext, BodyContext } from "../environment.ts";
import { openGeneration } from "../open-generations.ts";
import { answerEvents } from "./answer-generation.ts";
import { answerHosted, readHosted } from "./answer-hosted.ts";
import { generationNotFound, hostGeneration, openEvents } from "./host-generation.ts";

/**
 * `POST /v1/generations`. Walk: step 4.
 *
 * @throws {ApiError} the node's own code, or `node_failed`. One that was cancelled is answered as it is.
 */
export async function createGeneration(context: BodyContext<GenerationRequest>): Promise<Response> {
  const { body, presentedKey } = context.var;
  const hosted = await hostGeneration(context, {
    model: body.model,
    tier: toTier(body),
    input: toGenerationInput(body),
    toParameters: (tier) => toNativeParameters(body, tier),
    maxPrice: body.max_price,
    template: body.template ?? null,
    isBackground: body.background === true,
    body,
  });
  if (body.stream) return await answerHosted(context, hosted);
  if (!body.background || hosted.kind === "kept") {
    return context.json(await readHosted(context, hosted));
  }
  const generation = await openGeneration(context.env, presentedKey.accountId, hosted.id).look();
  context.header("location", `/v1/generations/${hosted.id}`);
  return context.json(generation, 202);
}

/**
 * `GET /v1/generations/{id}`: as it stands.
 *
 * @throws {ApiError} `not_found`.
 */
export async function retrieveGeneration(context: AppContext): Promise<Response> {
  const { accountId } = context.var.caller;
  const generation = await openGeneration(context.env, accountId, readId(context)).look();
  if (generation === null) throw generationNotFound();
  return context.json(generation);
}

/**
 * `GET /v1/generations/{id}/events`: its events from the first, or from behind `Last-Event-ID` or else
 * `after`, and those to come.
 *
 * @throws {ApiError} `not_found`, `invalid_parameter`.
 */
export async function streamGeneration(context: AppContext): Promise<Response> {
  const { accountId } = context.var.caller;
  const id = readId(context);
  const { after } = parseParameters(eventsQuerySchema, context.req.query());
  const lastId = context.req.header("last-event-id");
  return answerEvents(
    context,
    await openEvents(context, accountId, id, readLastId(lastId) ?? after),
  );
}

/**
 * `POST /v1/generations/{id}/cancel`: stops it at its next step, and answers it as it then stands. May
 * be repeated; one that has ended stays as it is.
 *
 * @throws {ApiError} `not_found`.
 */
export async function cancelGeneration(context: AppContext): Promise<Response> {
  const { accountId } = context.var.caller;
  const generation = await openGeneration(context.env, accountId, readId(context)).cancel();
  if (generation === null) throw generationNotFound();
  return context.json(generation);
}

function readLastId(header: string | undefined): number | null {
  if (header === undefined || header === "") return null;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  throw new ApiError("invalid_parameter", "Last-Event-ID is the number of an event.", {
    param: "Last-Event-ID",
  });
}

/** Nothing is asked for an id that was never given. */
function readId(context: AppContext): string {
  const id = context.req.param("id") ?? "";
  if (!/^gen_[0-9A-Za-z]{1,64}$/.test(id)) throw generationNotFound();
  return id;
}
