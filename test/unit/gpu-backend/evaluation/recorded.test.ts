/** The recorded evaluation against what is shipped: the model, the tiers of the contract, the card. */
import { readFileSync } from "node:fs";
import { describe, it } from "vitest";
import { readLines } from "../../../../gpu-backend/evaluation/corpus.ts";
import {
  fillCard,
  logLineSchema,
  type Recorded,
  recordedSchema,
} from "../../../../gpu-backend/evaluation/fill-card.ts";
import { digestCheckpoint, readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { TIERS } from "../../../../shared/contracts/tiers.ts";

const BACKEND = new URL("../../../../gpu-backend/", import.meta.url);
const RECORDED_FILE = new URL("evaluation/recorded.json", BACKEND);
const MODEL = new URL("model/default/", BACKEND);

function read(): Recorded {
  return recordedSchema.parse(JSON.parse(readFileSync(RECORDED_FILE, "utf8")));
}

describe("the recorded evaluation", () => {
  it("is of the weights that are shipped", async ({ expect }) => {
    const checkpoint = await readCheckpoint(MODEL.pathname);
    expect(read().model.weights_sha256).toBe(await digestCheckpoint(checkpoint));
  });

  it("is of the tiers that the contract has", ({ expect }) => {
    expect(read().tiers).toEqual(TIERS);
  });

  it("is complete, and no quick look", ({ expect }) => {
    const recorded = read();
    expect(recorded["is_quick"]).toBe(false);
    expect(recorded["skipped"]).toEqual({});
    expect(recorded["failed"]).toEqual({});
  });

  it("bears out what the tiers are sold for", ({ expect }) => {
    const { results } = read();
    const value = (name: string) => results[name]?.value ?? Number.NaN;
    expect(value("draft_fewer_passes")).toBeGreaterThanOrEqual(4);
    expect(value("fast_fewer_passes")).toBeLessThan(value("draft_fewer_passes"));
    expect(value("balanced_points_lost")).toBeLessThanOrEqual(2);
    expect(value("balanced_points_lost")).toBeLessThan(value("fast_points_lost"));
    expect(value("fast_points_lost")).toBeLessThan(value("draft_points_lost"));
  });

  it("is what the model card says", ({ expect }) => {
    const card = readFileSync(new URL("MODEL_CARD.md", MODEL), "utf8");
    const log = readLines(
      readFileSync(new URL("training-log.jsonl", MODEL), "utf8"),
      logLineSchema,
    );
    expect(fillCard(card, read(), log)).toBe(card);
  });
});
