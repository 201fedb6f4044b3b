/** A run as the page follows it: every step's canvas, kept for the slider. */
import { useEffect, useRef, useState } from "preact/hooks";
import type {
  Generation,
  GenerationEvent,
  GenerationRequest,
} from "../../../shared/sdk/api-types.ts";
import type { Canvas } from "../../../shared/sdk/canvas.ts";
import type { GenerationStream } from "../../../shared/sdk/generation-stream.ts";
import type { Unmask } from "../../../shared/sdk/unmask.ts";

/** The canvas after a step. */
export interface Snapshot {
  /** 0 is the canvas before the first step. */
  readonly step: number;
  readonly canvas: Canvas;
  readonly stepUnits: number;
  /** Micro-dollars so far. */
  readonly cost: number;
}

/** One run, as far as it has come. */
export interface Run {
  readonly status: "idle" | "waiting" | "running" | "done" | "cancelled" | "failed";
  /** In order. */
  readonly snapshots: readonly Snapshot[];
  /** Most denoising steps; 0 until it is known. */
  readonly maxSteps: number;
  readonly elapsedMs: number;
  /** Requests before it, while it waits. */
  readonly ahead: number;
  readonly generation: Generation | null;
  readonly error: unknown;
}

/** What the page does with a run. */
export interface RunControl {
  readonly run: Run;
  start(client: Unmask, request: GenerationRequest): void;
  cancel(): void;
}

const IDLE: Run = {
  status: "idle",
  snapshots: [],
  maxSteps: 0,
  elapsedMs: 0,
  ahead: 0,
  generation: null,
  error: null,
};

/** Follows one run at a time; a page that is left lets its run go. */
export function useRun(): RunControl {
  const [run, setRun] = useState<Run>(IDLE);
  const current = useRef<{ stream: GenerationStream; abort: AbortController } | null>(null);
  useEffect(() => () => current.current?.abort.abort(), []);

  async function follow(stream: GenerationStream, startedAt: number): Promise<void> {
    const isCurrent = () => current.current?.stream === stream;
    const change = (changes: (before: Run) => Partial<Run>) => {
      if (!isCurrent()) return;
      const elapsedMs = performance.now() - startedAt;
      setRun((before) => ({ ...before, elapsedMs, ...changes(before) }));
    };
    try {
      for await (const { event, canvas } of stream) {
        change((before) => takeEvent(before, event, canvas));
      }
    } catch (error) {
      change(() => ({ status: "failed", error }));
    }
  }

  return {
    run,
    start(client, request) {
      current.current?.abort.abort();
      const abort = new AbortController();
      const stream = client.stream(request, { signal: abort.signal });
      current.current = { stream, abort };
      setRun({ ...IDLE, status: "waiting" });
      void follow(stream, performance.now());
    },
    cancel() {
      const running = current.current;
      if (running === null) return;
      // Before it has a name there is nothing to cancel but the call.
      if (running.stream.id === null) running.abort.abort();
      else
        void running.stream.cancel().catch((error: unknown) => setRun((it) => ({ ...it, error })));
    },
  };
}

function takeEvent(before: Run, event: GenerationEvent, canvas: Canvas | null): Partial<Run> {
  if (event.type === "queued") return { ahead: event.ahead };
  if (event.type === "started") {
    const first = canvas === null ? [] : [{ step: 0, canvas, stepUnits: 0, cost: 0 }];
    return { status: "running", maxSteps: event.steps, snapshots: first };
  }
  if (event.type === "step") {
    if (canvas === null) return {};
    const { step, step_units: stepUnits, cost } = event;
    return { snapshots: [...before.snapshots, { step, canvas, stepUnits, cost }] };
  }
  const { generation } = event;
  const status = event.type === "done" ? "done" : generation.status;
  return { generation, status: status === "cancelled" || status === "failed" ? status : "done" };
}
