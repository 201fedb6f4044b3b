import type { JSX, TargetedInputEvent } from "preact";
import { useRef } from "preact/hooks";
import type { PlaygroundForm } from "./request.ts";
import { writeHole } from "./write-hole.ts";

/** What is asked: the text, and how long and how surely the answer is to be. */
export function PromptForm({
  form,
  onChange,
}: {
  readonly form: PlaygroundForm;
  readonly onChange: (form: PlaygroundForm) => void;
}): JSX.Element {
  const area = useRef<HTMLTextAreaElement>(null);
  const punch = () => {
    const { current } = area;
    if (current === null) return;
    const { selectionStart: start, selectionEnd: end, value } = current;
    const hole = writeHole(value.slice(start, end));
    onChange({ ...form, text: `${value.slice(0, start)}${hole}${value.slice(end)}` });
    // After the text has changed, behind the hole.
    requestAnimationFrame(() => {
      current.focus();
      current.setSelectionRange(start + hole.length, start + hole.length);
    });
  };
  const press = (event: KeyboardEvent) => {
    if (!event.altKey || event.code !== "KeyM") return;
    event.preventDefault();
    punch();
  };
  const number = (name: "maxTokens" | "temperature" | "seed") => ({
    value: form[name],
    onInput: (event: TargetedInputEvent<HTMLInputElement>) =>
      onChange({ ...form, [name]: Number(event.currentTarget.value) }),
  });
  return (
    <>
      <label>
        Prompt, or text with holes
        <textarea
          ref={area}
          rows={6}
          value={form.text}
          aria-describedby="prompt-hint"
          onInput={(event) => onChange({ ...form, text: event.currentTarget.value })}
          onKeyDown={press}
        />
      </label>
      <p class="hint" id="prompt-hint">
        <code>[[5]]</code> is a hole of five tokens, <code>[[3-8]]</code> of as many as fit best.
        Select words and press <kbd>Alt</kbd>+<kbd>M</kbd> to cut a hole.
      </p>
      <div class="row">
        <button type="button" class="quiet" onClick={punch}>
          Cut a hole
        </button>
        <label class="inline">
          As
          <select
            value={form.kind}
            onChange={(event) => {
              const kind = event.currentTarget.value === "text" ? "text" : "message";
              onChange({ ...form, kind });
            }}
          >
            <option value="message">a message</option>
            <option value="text">text to go on from</option>
          </select>
        </label>
      </div>
      <div class="row fields">
        <label>
          Tokens
          <input type="number" min={1} max={4096} {...number("maxTokens")} />
        </label>
        <label>
          Temperature
          <input type="number" min={0} max={2} step={0.1} {...number("temperature")} />
        </label>
        <label>
          Seed
          <input type="number" min={0} disabled={form.temperature === 0} {...number("seed")} />
        </label>
      </div>
    </>
  );
}
