import {
  type GenerationEvent,
  generationEventSchema,
} from "../../shared/contracts/generation-events.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";

/** A native stream, to its end. */
export interface NativeStream {
  readonly events: GenerationEvent[];
  readonly ids: string[];
  readonly names: string[];
}

/** Reads a native stream; fails where it breaks its contract. */
export async function readNative(response: Response): Promise<NativeStream> {
  const stream: NativeStream = { events: [], ids: [], names: [] };
  for await (const { event, id, data } of parseEvents(response.body ?? new ReadableStream())) {
    stream.events.push(generationEventSchema.parse(JSON.parse(data)));
    stream.ids.push(id);
    stream.names.push(event);
  }
  return stream;
}
