import { readFileSync } from "node:fs";
import { describe, it } from "vitest";
import { fillCard, recordedSchema } from "../../../../gpu-backend/evaluation/fill-card.ts";

const CARD = readFileSync(
  new URL("../../../../gpu-backend/model/default/MODEL_CARD.md", import.meta.url),
  "utf8",
);
const RECORDED = recordedSchema.parse({
  date: "2026-11-24T16:00:00.000Z",
  commit: "0123456789abcdef",
  hardware: { cpu: "a processor", cores: 2 },
  model: { parameters: 4_798_720, weights_sha256: "ab".repeat(32) },
  results: {
    reversal_exact_next: { value: 0.8123, unit: "fraction" },
    reversal_exact_couplets: { value: 391, unit: "couplets" },
    tier_draft_price: { value: 41.6, unit: "micro-dollars per request" },
    likelihood_error_32_samples: { value: 0.05, unit: "nats per token" },
  },
  samples: [{ request: "a | b", answer: "one\ntwo <b>*" }],
  infilling: [{ before: "There was ", filled: "a cat", after: " in a box.", original: "a dog" }],
});
const LOG = [
  { event: "held_out", step: 100, minutes: 5, loss: { stories: 5.7 } },
  { event: "held_out", step: 900, minutes: 95, loss: { stories: 3.4 } },
  {
    event: "end",
    step: 900,
    minutes: 95,
    tokens: 3_000_000,
    tokens_by_task: { story_chat: 1_000_000, couplets: 2_000_000 },
  },
];

describe("fillCard", () => {
  const filled = fillCard(CARD, RECORDED, LOG);

  it("puts figures where the shipped card has its markers", ({ expect }) => {
    expect(filled).toContain("| masked line, 391 trained word for word | 81.2 % | – |");
    expect(filled).toContain("Measured on 2026-11-24 at commit 012345678");
    expect(filled).toContain("| couplets | 2.00 M | 67 % |");
    expect(filled).toContain("5.7 after 5 minutes, 3.4 at the end");
    expect(filled).toContain("32 samples 0.050");
  });

  it("shows texts as they came, none of them as markup", ({ expect }) => {
    expect(filled).toContain("| 1 | a \\| b | one<br>two &lt;b>\\* |");
    expect(filled).toContain("| 1 | …There was **⟦a cat⟧** in a box.… | a dog |");
  });

  it("gives the same card when it is filled again, and keeps the words around", ({ expect }) => {
    expect(fillCard(filled, RECORDED, LOG)).toBe(filled);
    expect(filled).toContain("# Model card: the embedded default model");
  });

  it("refuses a card without a section", ({ expect }) => {
    const broken = CARD.replace("<!-- /reversal -->", "");
    expect(() => fillCard(broken, RECORDED, LOG)).toThrow("no section reversal");
  });
});
