/**
 * The edge with one more path: `POST /pairs` holds and captures on an account's object as a request
 * does, without a node between. `edge.js` is the edge's own bundle, served beside this module.
 */
import edge, { AccountObject, GenerationObject, PoolObject } from "./edge.js";

export { AccountObject, GenerationObject, PoolObject };

/** Answers the settlement, or with status 500 what came in its place. */
async function holdAndCapture(request, { ACCOUNTS }) {
  const { account_id: accountId, order, receipt } = await request.json();
  const requestId = `gen_${crypto.randomUUID()}`;
  const admission = await ACCOUNTS.getByName(accountId).admit({ ...order, requestId });
  if (admission.outcome !== "admitted") return Response.json(admission, { status: 500 });
  return Response.json(await ACCOUNTS.getByName(accountId).settle(requestId, receipt, null));
}

// biome-ignore lint/style/noDefaultExport: a Worker's entry is its default export.
export default {
  queue: edge.queue,
  fetch: (request, bindings, context) =>
    new URL(request.url).pathname === "/pairs"
      ? holdAndCapture(request, bindings)
      : edge.fetch(request, bindings, context),
};
