import fc from "fast-check";
import { describe, it } from "vitest";
import { endOfTextConfidence } from "../../../../gpu-backend/sampler/adaptive-length.ts";
import type { SamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { hashedLogits } from "../../../support/fake-mask-predictor.ts";
import {
  adaptiveRequests,
  END_OF_TEXT,
  endingLogits,
  finishRun,
  idsOf,
  LOGIT_COUNT,
  MASK,
  networks,
} from "./run-process.ts";

interface Column {
  readonly tokenId: number;
  readonly confidence: number;
  readonly endConfidence: number;
}

/** DAEDAL as its paper and published code tell it, for one row at temperature 0, written anew. */
class Daedal {
  ids: number[];
  passes = 0;
  isStuck = false;
  readonly #promptLength: number;
  readonly #settings: SamplingSettings;
  readonly #logits: typeof hashedLogits;

  constructor(prompt: readonly number[], settings: SamplingSettings, logits: typeof hashedLogits) {
    this.ids = [...prompt, ...Array<number>(settings.generationLength).fill(MASK)];
    this.#promptLength = prompt.length;
    this.#settings = settings;
    this.#logits = logits;
  }

  get #adaptive() {
    const { adaptiveLength } = this.#settings;
    if (adaptiveLength === null) throw new Error("no adaptive length");
    return adaptiveLength;
  }

  get #generationLength(): number {
    return this.ids.length - this.#promptLength;
  }

  #predict(): Column[] {
    this.passes += 1;
    return this.ids.map((_, position) => {
      const logits = Float32Array.from(this.#logits(this.ids, position, LOGIT_COUNT));
      const largest = Math.max(...logits);
      const weights = [...logits].map((logit) => Math.exp(logit - largest));
      const sum = weights.reduce((a, b) => a + b, 0);
      const share = (id: number) => (weights[id] ?? 0) / sum;
      const tokenId = logits.indexOf(largest);
      return { tokenId, confidence: share(tokenId), endConfidence: share(END_OF_TEXT) };
    });
  }

  #endConfidence(columns: readonly Column[]): number {
    const ends = columns
      .slice(this.#promptLength)
      .reverse()
      .filter(({ tokenId }) => tokenId === END_OF_TEXT)
      .slice(0, this.#adaptive.endWindow);
    return ends.reduce((sum, end) => sum + end.endConfidence, 0) / this.#adaptive.endWindow;
  }

  run(): void {
    this.#adjustLength();
    let start = this.#promptLength;
    while (start < this.ids.length && !this.isStuck) {
      const end = () => Math.min(start + this.#settings.blockLength, this.ids.length);
      this.#denoise(start, end());
      while (start < this.ids.length && !this.ids.slice(start, end()).includes(MASK)) {
        start += this.#settings.blockLength;
      }
    }
  }

  #adjustLength(): void {
    const { initialEndConfidence, expansion, endWindow, maxLength } = this.#adaptive;
    while (
      this.#endConfidence(this.#predict()) < initialEndConfidence &&
      this.#generationLength < maxLength
    ) {
      const room = maxLength - this.#generationLength;
      this.ids.push(...Array<number>(Math.min(expansion, room)).fill(MASK));
    }
    const room = maxLength - this.#generationLength;
    const count = Math.min(Math.floor(endWindow / 2), room);
    this.ids.push(...Array<number>(count).fill(END_OF_TEXT));
  }

  #denoise(start: number, end: number): void {
    const columns = this.#predict();
    const masked = [...this.ids.keys()].slice(start, end).filter((at) => this.ids[at] === MASK);
    const confidence = (at: number) => columns[at]?.confidence ?? 0;
    const able = masked.filter((at) => columns[at]?.tokenId !== MASK);
    this.isStuck = able.length === 0;
    if (this.isStuck) return;
    const { decoding } = this.#settings;
    const threshold = decoding.kind === "threshold" ? decoding.threshold : 1;
    let fill = able.filter((at) => confidence(at) > threshold);
    if (fill.length === 0) fill = [able.reduce((a, b) => (confidence(b) > confidence(a) ? b : a))];
    for (const at of fill) this.ids[at] = columns[at]?.tokenId ?? 0;
    this.#expand(masked, fill, columns);
  }

  #expand(masked: readonly number[], fill: readonly number[], columns: readonly Column[]): void {
    const { endConfidence, lowConfidence, maxLength, expansion } = this.#adaptive;
    const room = maxLength - this.#generationLength;
    if (this.#endConfidence(columns) >= endConfidence || room === 0) return;
    const confidence = (at: number) => columns[at]?.confidence ?? 0;
    const doubtful = masked.filter((at) => !fill.includes(at) && confidence(at) < lowConfidence);
    if (doubtful.length === 0) return;
    const chosen = doubtful.reduce((a, b) => (confidence(b) < confidence(a) ? b : a));
    this.ids.splice(chosen, 0, ...Array<number>(Math.min(expansion - 1, room)).fill(MASK));
  }
}

describe("an adaptive length", () => {
  it("gives the ids and forward passes of DAEDAL", async ({ expect }) => {
    let growthCount = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(12), { maxLength: 4 }),
        adaptiveRequests,
        fc.constantFrom(hashedLogits, endingLogits as typeof hashedLogits),
        async (prompt, drawn, logits) => {
          const request = {
            ...drawn,
            steps: undefined,
            temperature: 0,
            guidanceScale: 0,
            earlyExit: false,
            revisionSteps: 0,
          };
          const { process, steps } = await finishRun({ prompt, seed: 0, request }, logits);
          const daedal = new Daedal(prompt, process.settings, logits);
          daedal.run();
          // Where a whole block is predicted as masks, the paper is silent.
          fc.pre(!daedal.isStuck);
          const ids = daedal.ids;
          while (ids.length - 2 >= prompt.length && ids.at(-2) === END_OF_TEXT) {
            if (ids.at(-1) !== END_OF_TEXT) break;
            ids.pop();
          }
          expect(idsOf(process)).toEqual(ids);
          expect(steps).toHaveLength(daedal.passes);
          growthCount += steps.filter(({ resize, committed }) => resize && committed.length).length;
        },
      ),
      { numRuns: 150 },
    );
    expect(growthCount).toBeGreaterThan(20);
  });

  it("ends within its steps, inside its cap, with no mask left", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(adaptiveRequests, networks, async (request, logits) => {
        const start = { prompt: [1, 2], seed: 5, request };
        const { process, steps, canvases } = await finishRun(start, logits);
        expect(steps.length).toBeLessThanOrEqual(process.maxSteps);
        const most = 2 + (process.settings.adaptiveLength?.maxLength ?? 0);
        expect(Math.max(...canvases.map((ids) => ids.length))).toBeLessThanOrEqual(most);
        expect(canvases.at(-1)).not.toContain(MASK);
      }),
      { numRuns: 100 },
    );
  });

  it("counts what it feeds by the canvas's length at the time", async ({ expect }) => {
    const { process, canvases } = await finishRun({
      prompt: [1],
      seed: 0,
      request: {
        generationLength: 2,
        adaptiveLength: { maxLength: 6, expansion: 2, endWindow: 2 },
      },
    });
    const fed = new Map<number, number>();
    for (const ids of canvases.slice(0, -1)) fed.set(ids.length, (fed.get(ids.length) ?? 0) + 1);
    expect(process.passesByLength).toEqual(fed);
    expect(fed.size).toBeGreaterThan(2);
  });
});

describe("the end's confidence", () => {
  const column = (endLogit: number) => [0, endLogit];

  it("is the mean over the last columns that predict it, missing ones counting as 0", ({
    expect,
  }) => {
    const logits = Float32Array.from([
      ...column(50),
      ...column(50),
      ...column(-50),
      ...column(Math.log(3)),
    ]);
    expect(endOfTextConfidence(logits, 2, 1, 1)).toBeCloseTo(0.75);
    expect(endOfTextConfidence(logits, 2, 1, 2)).toBeCloseTo((0.75 + 1) / 2);
    expect(endOfTextConfidence(logits, 2, 1, 11)).toBeCloseTo(2.75 / 11);
    expect(endOfTextConfidence(logits, 2, 0, 4)).toBeCloseTo(1 / 4);
  });

  it("is refused where the network answered no number", ({ expect }) => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const logits = Float32Array.of(broken, broken);
      expect(() => endOfTextConfidence(logits, 2, 1, 4)).toThrow(
        expect.objectContaining({ code: "session_failed" }),
      );
    }
  });
});
