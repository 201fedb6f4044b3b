/** Server-sent events, outgoing: the text of one event or comment as it goes on the wire. */
import { ApiError } from "../contracts/errors.ts";

/** One event to send. */
export interface OutgoingEvent {
  /** Name of the event; a reader takes `message` when it is left out. One line. */
  readonly event?: string;
  /** Comes back as `Last-Event-ID`. One line, no NUL. */
  readonly id?: string;
  /** May have several lines; line ends arrive as LF. */
  readonly data: string;
}

const LINE_END = /\r\n|\r|\n/;

/**
 * Writes one event.
 *
 * @throws {ApiError} `internal_error` if the name or the id has a line end or NUL: it would end the
 *   field and let its rest pass for another.
 */
export function encodeEvent(event: OutgoingEvent): string {
  const lines = [
    ...(event.event === undefined ? [] : [`event: ${oneLine(event.event)}`]),
    ...(event.id === undefined ? [] : [`id: ${oneLine(event.id)}`]),
    ...event.data.split(LINE_END).map((line) => `data: ${line}`),
  ];
  return `${lines.join("\n")}\n\n`;
}

/** Writes a comment, which readers skip: it keeps a silent stream alive. */
export function encodeComment(text: string): string {
  const lines = text.split(LINE_END).map((line) => `: ${line}`);
  return `${lines.join("\n")}\n\n`;
}

function oneLine(field: string): string {
  if (LINE_END.test(field) || field.includes("\0")) {
    throw new ApiError("internal_error", "An event's name or id must be one line.");
  }
  return field;
}
