/** The playground: a prompt or a text with holes, one or two tiers beside each other, every step to see. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Tier } from "../../../shared/sdk/api-types.ts";
import type { Connection } from "../connect.ts";
import { CopyButton } from "../copy-button.tsx";
import { ErrorNote } from "../error-note.tsx";
import { writeSamples } from "./code-samples.ts";
import { PromptForm } from "./prompt-form.tsx";
import { type PlaygroundForm, TIERS, toRequest } from "./request.ts";
import { RunPanel } from "./run-panel.tsx";
import { useQuote } from "./use-quote.ts";
import { useRun } from "./use-run.ts";

const FIRST_FORM: PlaygroundForm = {
  text: "Tell me a story about a cat named Tom.",
  kind: "message",
  maxTokens: 64,
  temperature: 0,
  seed: 1,
};

/** The page. */
export function Playground({
  connection,
  apiKey,
}: {
  readonly connection: Connection;
  readonly apiKey: string;
}): JSX.Element {
  const [form, setForm] = useState(FIRST_FORM);
  const [tier, setTier] = useState<Tier>("balanced");
  const [otherTier, setOtherTier] = useState<Tier | null>(null);
  const first = useRun();
  const second = useRun();
  const client = connection.inference;
  const request = toRequest(form, tier);
  const quoted = useQuote(client, form.text.trim() === "" ? null : request);
  const isRunning = [first, second].some(({ run }) => ["waiting", "running"].includes(run.status));
  const start = () => {
    if (client === null || isRunning) return;
    first.start(client, request);
    if (otherTier !== null) second.start(client, toRequest(form, otherTier));
  };
  const cancel = () => {
    first.cancel();
    if (otherTier !== null) second.cancel();
  };
  useKeys({ onRun: start, onCancel: () => isRunning && cancel() });
  return (
    <div class="playground">
      <section class="panel" aria-label="Request">
        <h1>Playground</h1>
        <PromptForm form={form} onChange={setForm} />
        <TierChoice {...{ tier, otherTier, setTier, setOtherTier }} costs={quoted.maxCosts} />
        {apiKey === "" && <p class="hint">Sign in with an API key to run this.</p>}
        <ErrorNote error={quoted.error} />
        <div class="row">
          <button type="button" disabled={client === null || isRunning} onClick={start}>
            Run
          </button>
          <button type="button" class="quiet" disabled={!isRunning} onClick={cancel}>
            Cancel
          </button>
          <span class="hint">
            <kbd>Ctrl</kbd>+<kbd>Enter</kbd> runs, <kbd>Esc</kbd> cancels
          </span>
        </div>
        <CodeSamples request={request} />
      </section>
      <div class="runs">
        <RunPanel tier={tier} run={first.run} maxCost={quoted.maxCosts.get(tier) ?? null} />
        {otherTier !== null && (
          <RunPanel
            tier={otherTier}
            run={second.run}
            maxCost={quoted.maxCosts.get(otherTier) ?? null}
          />
        )}
      </div>
    </div>
  );
}

function TierChoice(props: {
  readonly tier: Tier;
  readonly otherTier: Tier | null;
  readonly setTier: (tier: Tier) => void;
  readonly setOtherTier: (tier: Tier | null) => void;
  readonly costs: ReadonlyMap<string, number>;
}): JSX.Element {
  const options = TIERS.map((tier) => (
    <option key={tier} value={tier}>
      {tier}
    </option>
  ));
  const find = (value: string) => TIERS.find((tier) => tier === value) ?? null;
  return (
    <div class="row fields">
      <label>
        Tier
        <select
          value={props.tier}
          onChange={(event) => props.setTier(find(event.currentTarget.value) ?? "balanced")}
        >
          {options}
        </select>
      </label>
      <label>
        Beside it
        <select
          value={props.otherTier ?? ""}
          onChange={(event) => props.setOtherTier(find(event.currentTarget.value))}
        >
          <option value="">nothing</option>
          {options}
        </select>
      </label>
    </div>
  );
}

function CodeSamples({ request }: { readonly request: ReturnType<typeof toRequest> }): JSX.Element {
  const samples = writeSamples(request, new URL("/v1", location.href).href);
  return (
    <details class="code">
      <summary>As code</summary>
      {samples.map(({ title, code }) => (
        <div key={title}>
          <div class="row spread">
            <h2>{title}</h2>
            <CopyButton text={code} label={`Copy ${title}`} />
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reached by keyboard. */}
          <pre tabIndex={0}>{code}</pre>
        </div>
      ))}
    </details>
  );
}

function useKeys({
  onRun,
  onCancel,
}: {
  readonly onRun: () => void;
  readonly onCancel: () => void;
}): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onRun();
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) onCancel();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}
