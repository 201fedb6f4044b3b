import type { JSX } from "preact";
import { UnmaskError } from "../../shared/sdk/unmask-error.ts";

/** What went wrong, in the API's own words; nothing where there is no error. */
export function ErrorNote({ error }: { readonly error: unknown }): JSX.Element | null {
  if (error === null || error === undefined) return null;
  const isTold = error instanceof UnmaskError;
  return (
    <p class="error" role="alert">
      {isTold && <code>{error.code}</code>} {isTold ? error.message : "Something went wrong."}
      {isTold && error.param !== null && (
        <>
          {" "}
          (field <code>{error.param}</code>)
        </>
      )}
    </p>
  );
}
