import type { JSX } from "preact";
import { useState } from "preact/hooks";

const TOLD_MS = 1_500;

/** Copies `text`, and says so. */
export function CopyButton({
  text,
  label,
}: {
  readonly text: string;
  readonly label: string;
}): JSX.Element {
  const [told, setTold] = useState<string | null>(null);
  const copy = async () => {
    const outcome = await navigator.clipboard.writeText(text).then(
      () => "Copied",
      () => "Not allowed",
    );
    setTold(outcome);
    setTimeout(() => setTold(null), TOLD_MS);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <span aria-live="polite">{told ?? label}</span>
    </button>
  );
}
