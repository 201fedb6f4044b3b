/** The edge ends amid a stream of a real node: its customer comes back and gets the rest. */
import { afterAll, beforeAll, describe, it } from "vitest";
import {
  type GenerationEvent,
  generationEventSchema,
} from "../../shared/contracts/generation-events.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";
import { type ChaosCluster, startChaosCluster } from "./chaos-cluster.ts";

let cluster: ChaosCluster;
beforeAll(async () => {
  cluster = await startChaosCluster(1, { NODE_WAIT_MS: "120000" });
});
afterAll(() => cluster?.stop());

const BODY = {
  prompt: "Once upon a time there was a cat.",
  max_tokens: 96,
  steps: 96,
  seed: 11,
  temperature: 0.6,
  stream: true,
};

interface NumberedEvent {
  readonly number: number;
  readonly event: GenerationEvent;
}

async function* readEvents(response: Response): AsyncGenerator<NumberedEvent, void, void> {
  if (response.status !== 200 || response.body === null) {
    throw new Error(`${response.status} ${await response.text()}`);
  }
  for await (const { id, data } of parseEvents(response.body, { onComment: () => undefined })) {
    yield { number: Number(id), event: generationEventSchema.parse(JSON.parse(data)) };
  }
}

async function collect(events: AsyncIterable<NumberedEvent>): Promise<NumberedEvent[]> {
  const all: NumberedEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** Reads on to the second step. */
async function untilUnderWay(events: AsyncGenerator<NumberedEvent, void, void>) {
  const read: NumberedEvent[] = [];
  const count = () => read.filter(({ event }) => event.type === "step").length;
  while (count() < 2) {
    const next = await events.next();
    if (next.done) throw new Error("it ended before its second step");
    read.push(next.value);
  }
  return read;
}

/** What a step does to the canvas, and the end but for its name. */
function toPlain(events: readonly NumberedEvent[]) {
  return events.map(({ number, event }) => {
    if (event.type !== "done") return { number, ...event, id: null, created: null };
    const { id: _, created: __, ...generation } = event.generation;
    return { number, generation };
  });
}

describe("an edge that ends amid a stream", () => {
  it("is back with the rest behind Last-Event-ID; the hold is settled", async ({ expect }) => {
    const undisturbed = await collect(readEvents(await cluster.askNative(BODY)));
    const response = await cluster.askNative(BODY);
    const id = response.headers.get("x-generation-id") ?? "none";
    const events = readEvents(response);
    const before = await untilUnderWay(events);
    // Held where it is, so that the edge ends before the generation does.
    const [node] = cluster.nodes;
    node?.signal("SIGSTOP");
    const broken = collect(events).then(
      (rest) => before.push(...rest),
      () => undefined,
    );
    await cluster.restartEdge();
    await broken;
    expect(before.at(-1)?.event.type).toBe("step");
    const last = before.at(-1)?.number ?? 0;
    const again = cluster.readAgain(id, last);
    node?.signal("SIGCONT");
    const rest = await collect(readEvents(await again));
    expect(rest[0]?.number).toBe(last + 1);
    expect(toPlain([...before, ...rest])).toEqual(toPlain(undisturbed));
    await expect.poll(async () => (await cluster.readMoney()).held, { timeout: 60_000 }).toBe(0);
    const end = rest.at(-1)?.event;
    if (end?.type !== "done") throw new Error("it did not end");
    const { charges } = await cluster.readMoney();
    const own = charges.filter(({ reference }) => reference === id);
    expect(own.map(({ amount }) => -amount)).toEqual([end.generation.usage?.cost]);
  });
});
