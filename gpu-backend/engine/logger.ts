/** Fields of a log line: counts, codes and ids; never a prompt, an output or a key. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Where a room writes what an operator should know; passed in, so that tests can read it. */
export interface Logger {
  info(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Writes each line as one JSON object. */
export function createLogger(write: (line: string) => void, now: () => number): Logger {
  const log = (level: "info" | "error", event: string, fields: LogFields = {}) => {
    const time = new Date(now()).toISOString();
    write(`${JSON.stringify({ ...fields, time, level, event })}\n`);
  };
  return {
    info: (event, fields) => log("info", event, fields),
    error: (event, fields) => log("error", event, fields),
  };
}
