/** Keys: create, copy once, limit, rotate, revoke. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ApiKey, CreatedApiKey } from "../../../shared/sdk/account-types.ts";
import type { Unmask } from "../../../shared/sdk/unmask.ts";
import type { Connection } from "../connect.ts";
import { CopyButton } from "../copy-button.tsx";
import { ErrorNote } from "../error-note.tsx";
import { toDollars } from "../money.ts";
import { ScrollBox } from "../scroll-box.tsx";
import { useAnswer } from "../use-answer.ts";
import { CreateKeyForm } from "./create-key-form.tsx";
import { listAllKeys } from "./list-all-keys.ts";

/** The page. */
export function KeysPage({ connection }: { readonly connection: Connection }): JSX.Element {
  const client = connection.management;
  const keys = useAnswer(client && ((signal) => listAllKeys(client, signal)), [client]);
  const [created, setCreated] = useState<CreatedApiKey | null>(null);
  const [error, setError] = useState<unknown>(null);
  if (client === null) {
    return (
      <section class="panel">
        <h1>Keys</h1>
        <p>Sign in with a management key to see and make keys.</p>
      </section>
    );
  }
  const act = async (work: () => Promise<CreatedApiKey | null>) => {
    setError(null);
    try {
      setCreated(await work());
      keys.again();
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <div class="page">
      <section class="panel" aria-labelledby="keys-title">
        <h1 id="keys-title">Keys</h1>
        <ErrorNote error={error ?? keys.error} />
        {created !== null && <NewKey created={created} onSeen={() => setCreated(null)} />}
        <KeyTable client={client} keys={keys.answer ?? []} onAct={act} />
      </section>
      <CreateKeyForm onCreate={(request) => act(() => client.keys.create(request))} />
    </div>
  );
}

function NewKey({
  created,
  onSeen,
}: {
  readonly created: CreatedApiKey;
  readonly onSeen: () => void;
}): JSX.Element {
  return (
    <div class="notice" role="status">
      <p>
        <strong>{created.name ?? created.id}</strong>: copy it now, it is not shown again.
      </p>
      <code class="secret">{created.key}</code>
      <div class="row">
        <CopyButton text={created.key} label="Copy key" />
        <button type="button" class="quiet" onClick={onSeen}>
          I have it
        </button>
      </div>
    </div>
  );
}

function KeyTable({
  client,
  keys,
  onAct,
}: {
  readonly client: Unmask;
  readonly keys: readonly ApiKey[];
  readonly onAct: (work: () => Promise<CreatedApiKey | null>) => Promise<void>;
}): JSX.Element {
  return (
    <ScrollBox label="All keys">
      <table>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">May</th>
            <th scope="col">Spent</th>
            <th scope="col">Expires</th>
            <th scope="col">State</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>
                {key.name ?? key.id} <code>…{key.last_four}</code>
              </td>
              <td>
                {key.scope}
                {key.tiers && ` in ${key.tiers.join(", ")}`}
                {key.concurrency_limit !== null && `, ${key.concurrency_limit} at once`}
              </td>
              <td class="number">
                {toDollars(key.spent)}
                {key.spending_limit !== null && ` of ${toDollars(key.spending_limit)}`}
              </td>
              <td>{key.expires_at?.slice(0, 10) ?? "never"}</td>
              <td>{key.revoked_at === null ? "works" : "revoked"}</td>
              <td>
                {key.revoked_at === null && (
                  <KeyActions
                    label={key.name ?? `…${key.last_four}`}
                    onRotate={() => onAct(() => client.keys.rotate(key.id))}
                    onRevoke={() => onAct(() => client.keys.revoke(key.id).then(() => null))}
                  />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

function KeyActions({
  label,
  onRotate,
  onRevoke,
}: {
  readonly label: string;
  readonly onRotate: () => Promise<void>;
  readonly onRevoke: () => Promise<void>;
}): JSX.Element {
  const [isAsking, setIsAsking] = useState(false);
  if (isAsking) {
    return (
      <span class="row">
        <button type="button" class="danger" onClick={() => void onRevoke()}>
          Revoke {label} for good
        </button>
        <button type="button" class="quiet" onClick={() => setIsAsking(false)}>
          Keep it
        </button>
      </span>
    );
  }
  return (
    <span class="row">
      <button
        type="button"
        class="quiet"
        aria-label={`Rotate ${label}`}
        onClick={() => void onRotate()}
      >
        Rotate
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={`Revoke ${label}`}
        onClick={() => setIsAsking(true)}
      >
        Revoke
      </button>
    </span>
  );
}
