import type { JSX, TargetedSubmitEvent } from "preact";
import { useRef } from "preact/hooks";
import type { Credentials } from "./credentials.ts";

const FIELDS = [
  ["apiKey", "API key", "Runs generations: unm_…"],
  ["managementKey", "Management key", "Usage, ledger and keys: unm_…"],
  ["operatorSecret", "Operator secret", "The pool; for whoever runs it"],
] as const;

/** Where the visitor's keys are put in; they stay in this tab. */
export function CredentialsForm({
  credentials,
  onKeep,
}: {
  readonly credentials: Credentials;
  readonly onKeep: (credentials: Credentials) => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const keep = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const read = (name: keyof Credentials) => String(form.get(name) ?? "").trim();
    onKeep({
      apiKey: read("apiKey"),
      managementKey: read("managementKey"),
      operatorSecret: read("operatorSecret"),
    });
    dialog.current?.close();
  };
  return (
    <>
      <button type="button" class="quiet" onClick={() => dialog.current?.showModal()}>
        {credentials.apiKey === "" ? "Sign in" : `Key …${credentials.apiKey.slice(-4)}`}
      </button>
      <dialog ref={dialog} aria-labelledby="credentials-title">
        <form onSubmit={keep}>
          <h2 id="credentials-title">Your keys</h2>
          <p class="hint">They stay in this tab and go nowhere but to this server.</p>
          {FIELDS.map(([name, label, hint]) => (
            <label key={name}>
              {label}
              <input
                name={name}
                type="password"
                autocomplete="off"
                spellcheck={false}
                placeholder={hint}
                defaultValue={credentials[name]}
              />
            </label>
          ))}
          <div class="row end">
            <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
              Close
            </button>
            <button type="submit">Keep</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
