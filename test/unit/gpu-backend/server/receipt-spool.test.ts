import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "vitest";
import { ReceiptSpool } from "../../../../gpu-backend/server/receipt-spool.ts";
import { createMemoryLogger } from "../engine/engine-bench.ts";

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "unmask-spool-")), "receipts");
});
afterEach(() => rm(join(directory, ".."), { recursive: true, force: true }));

/** An edge that answers `statuses` in turn, then 200; 0 is no answer at all. */
function createEdge(statuses: number[] = []) {
  const heard: string[] = [];
  const post = async (_: string, { body }: RequestInit) => {
    heard.push(JSON.parse(String(body)).signed_receipt);
    const status = statuses.shift() ?? 200;
    if (status === 0) throw new TypeError("refused");
    return new Response(null, { status });
  };
  const logger = createMemoryLogger();
  const open = () =>
    ReceiptSpool.open({ url: "http://edge", directory, post, logger, minPauseMs: 1 });
  return { heard, logger, open };
}

const receipt = (name: string) => ({ grant: "grant", signed_receipt: name });

describe("a receipt", () => {
  it("is posted, and gone once it is taken", async ({ expect }) => {
    const { heard, open } = createEdge();
    const spool = await open();
    await spool.add("gen_1", receipt("one"));
    await expect.poll(() => spool.size).toBe(0);
    await spool.stop();
    expect(heard).toEqual(["one"]);
    expect(await readdir(directory)).toEqual([]);
  });

  it.for([0, 202, 429, 500, 503])(
    "is posted again after %i, until it is taken",
    async (status, { expect }) => {
      const { heard, open } = createEdge([status, status]);
      const spool = await open();
      await spool.add("gen_1", receipt("one"));
      await expect.poll(() => spool.size).toBe(0);
      await spool.stop();
      expect(heard).toEqual(["one", "one", "one"]);
    },
  );

  it("that is refused is dropped, and the operator hears of it", async ({ expect }) => {
    const { heard, logger, open } = createEdge([401]);
    const spool = await open();
    await spool.add("gen_1", receipt("one"));
    await expect.poll(() => spool.size).toBe(0);
    await spool.stop();
    expect(heard).toHaveLength(1);
    expect(JSON.stringify(logger)).toContain("receipt_refused");
  });

  it("outlives the process, half-written ones do not count", async ({ expect }) => {
    const away = createEdge(Array(1_000).fill(0));
    const first = await away.open();
    await first.add("../gen/1", receipt("one"));
    await first.add("gen_2", receipt("two"));
    await first.stop();
    await writeFile(join(directory, "half.json.new"), "{");
    const back = createEdge();
    const second = await back.open();
    await expect.poll(() => second.size).toBe(0);
    await second.stop();
    expect(back.heard.toSorted()).toEqual(["one", "two"]);
  });

  it("is not held up by others that the edge does not take yet", async ({ expect }) => {
    const statuses = Array(8).fill(202);
    const { heard, open } = createEdge(statuses);
    const spool = await open();
    const names = Array.from({ length: 20 }, (_, i) => `r${i}`);
    await Promise.all(names.map((name) => spool.add(name, receipt(name))));
    await expect.poll(() => spool.size).toBe(0);
    await spool.stop();
    expect(new Set(heard)).toEqual(new Set(names));
  });
});
