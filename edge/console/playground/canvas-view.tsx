import type { JSX } from "preact";
import type { Canvas, CanvasPosition } from "../../../shared/sdk/canvas.ts";

/** A canvas, each position coloured by how sure the network was of it. For eyes; see {@link toSpoken}. */
export function CanvasView({ canvas }: { readonly canvas: Canvas }): JSX.Element {
  return (
    <div class="canvas" aria-hidden="true" data-masked={canvas.maskedCount}>
      {canvas.positions.map((position, index) => (
        <Position key={`${canvas.start + index}`} position={position} />
      ))}
    </div>
  );
}

/** The same for ears: what there is, and how much is missing. */
export function toSpoken(canvas: Canvas): string {
  const { maskedCount } = canvas;
  const text = canvas.toText("…").replace(/…+/g, "… ");
  return maskedCount === 0 ? text : `${maskedCount} positions masked. ${text}`;
}

function Position({ position }: { readonly position: CanvasPosition }): JSX.Element {
  const { status, text, confidence } = position;
  if (status === "masked") return <span class="position masked"> </span>;
  const percent = confidence === null ? null : Math.round(confidence * 100);
  const title = percent === null ? status : `${status}, ${percent} % sure`;
  const level = percent === null ? "" : ` sure-${Math.min(9, Math.floor(percent / 10))}`;
  // A special token has no text: the end of the answer, mostly.
  const shown = text === "" ? "∎" : text;
  return (
    <span class={`position ${status}${level}${text === "" ? " special" : ""}`} title={title}>
      {shown}
    </span>
  );
}
