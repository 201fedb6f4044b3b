import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Tier } from "../../../shared/sdk/api-types.ts";
import { ErrorNote } from "../error-note.tsx";
import { Figures } from "../figures.tsx";
import { toDollars } from "../money.ts";
import { CanvasView, toSpoken } from "./canvas-view.tsx";
import type { Run, Snapshot } from "./use-run.ts";

/** How often a screen reader is told of a canvas that fills. */
const SPOKEN_EVERY_MS = 3_000;

/** One tier's run: its canvas, its figures, and the slider through its steps. */
export function RunPanel({
  tier,
  run,
  maxCost,
}: {
  readonly tier: Tier;
  readonly run: Run;
  /** Micro-dollars at most, by the quote; `null` while it is not known. */
  readonly maxCost: number | null;
}): JSX.Element {
  const [chosen, setChosen] = useState<number | null>(null);
  const isLive = run.status === "waiting" || run.status === "running";
  useEffect(() => {
    if (run.status === "waiting") setChosen(null);
  }, [run.status]);
  const last = run.snapshots.length - 1;
  const index = chosen === null ? last : Math.min(chosen, last);
  const shown = run.snapshots[index];
  return (
    <section class="panel run" aria-label={`Run in ${tier}`}>
      <div class="row spread">
        <h2>{tier}</h2>
        <Status run={run} />
      </div>
      {shown === undefined ? (
        <p class="canvas empty">{describeWait(run)}</p>
      ) : (
        <CanvasView canvas={shown.canvas} />
      )}
      <Spoken isLive={isLive} run={run} />
      <label class="slider">
        Step
        <input
          type="range"
          min={0}
          max={Math.max(0, last)}
          value={Math.max(0, index)}
          disabled={last < 1}
          aria-valuetext={`step ${shown?.step ?? 0} of ${run.maxSteps}`}
          onInput={(event) => setChosen(Number(event.currentTarget.value))}
        />
        {chosen !== null && isLive && (
          <button type="button" class="quiet" onClick={() => setChosen(null)}>
            Live
          </button>
        )}
      </label>
      <RunFigures run={run} shown={shown} maxCost={maxCost} />
      <ErrorNote error={run.error} />
    </section>
  );
}

function Status({ run }: { readonly run: Run }): JSX.Element {
  const words: Readonly<Record<Run["status"], string>> = {
    idle: "ready",
    waiting: run.ahead > 0 ? `waiting, ${run.ahead} before it` : "waiting",
    running: "running",
    done: run.generation?.finish_reason === "length" ? "done, at its length" : "done",
    cancelled: "cancelled",
    failed: "failed",
  };
  return <span class={`status ${run.status}`}>{words[run.status]}</span>;
}

function describeWait({ status }: Run): string {
  if (status === "waiting") return "Waiting for the first step…";
  return "The canvas fills here: in any order, as the model grows sure.";
}

function RunFigures({
  run,
  shown,
  maxCost,
}: {
  readonly run: Run;
  readonly shown: Snapshot | undefined;
  readonly maxCost: number | null;
}): JSX.Element {
  const usage = run.generation?.usage;
  const cost = usage?.cost ?? shown?.cost ?? 0;
  const rows = [
    ["Steps", `${shown?.step ?? 0} of at most ${run.maxSteps || "?"}`],
    ["Step units", String(shown?.stepUnits ?? 0)],
    ["Time", `${(run.elapsedMs / 1_000).toFixed(2)} s`],
    [usage ? "Charged" : "So far", toDollars(cost)],
    ["Quoted at most", maxCost === null ? "…" : toDollars(maxCost)],
  ] as const;
  return <Figures rows={rows} />;
}

/** The canvas in words, told now and then while it fills and once when it is done. */
function Spoken({ isLive, run }: { readonly isLive: boolean; readonly run: Run }): JSX.Element {
  const [spoken, setSpoken] = useState("");
  const newest = run.snapshots.at(-1);
  const words = newest === undefined ? "" : toSpoken(newest.canvas);
  useEffect(() => {
    if (!isLive) {
      setSpoken(run.generation?.text ?? words);
      return;
    }
    const timer = setTimeout(() => setSpoken(words), SPOKEN_EVERY_MS);
    return () => clearTimeout(timer);
  }, [isLive, isLive ? spoken : words]);
  return (
    <p class="hidden" role="status" data-testid="spoken">
      {spoken}
    </p>
  );
}
