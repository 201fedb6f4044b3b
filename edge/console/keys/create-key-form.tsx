import type { JSX, TargetedSubmitEvent } from "preact";
import type { CreateKeyRequest } from "../../../shared/sdk/account-types.ts";
import { MICRO_DOLLARS } from "../money.ts";
import { TIERS } from "../playground/request.ts";

/** What a new key may do, for how long and for how much. */
export function CreateKeyForm({
  onCreate,
}: {
  readonly onCreate: (request: CreateKeyRequest) => Promise<void>;
}): JSX.Element {
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    void onCreate(readForm(new FormData(form))).then(() => form.reset());
  };
  return (
    <section class="panel" aria-labelledby="create-title">
      <h2 id="create-title">A new key</h2>
      <form onSubmit={submit}>
        <div class="row fields">
          <label>
            Name
            <input name="name" maxLength={100} autocomplete="off" />
          </label>
          <label>
            May
            <select name="scope">
              <option value="inference">run generations</option>
              <option value="management">manage the account</option>
            </select>
          </label>
          <label>
            Spending limit, $
            <input name="limit" type="number" min={0} step="any" placeholder="none" />
          </label>
          <label>
            At once, most
            <input name="concurrency" type="number" min={1} max={10_000} placeholder="the plan's" />
          </label>
          <label>
            Expires
            <input name="expires" type="date" />
          </label>
        </div>
        <fieldset>
          <legend>Tiers; all of them where none is chosen</legend>
          {TIERS.map((tier) => (
            <label key={tier} class="inline">
              <input type="checkbox" name="tiers" value={tier} /> {tier}
            </label>
          ))}
        </fieldset>
        <button type="submit">Create</button>
      </form>
    </section>
  );
}

function readForm(form: FormData): CreateKeyRequest {
  const read = (name: string) => String(form.get(name) ?? "").trim();
  const chosen = form.getAll("tiers");
  const tiers = TIERS.filter((tier) => chosen.includes(tier));
  return {
    name: read("name") || null,
    scope: read("scope") === "management" ? "management" : "inference",
    spending_limit: read("limit") === "" ? null : Math.round(Number(read("limit")) * MICRO_DOLLARS),
    concurrency_limit: read("concurrency") === "" ? null : Number(read("concurrency")),
    expires_at: read("expires") === "" ? null : `${read("expires")}T23:59:59Z`,
    tiers: tiers.length === 0 ? null : tiers,
  };
}
