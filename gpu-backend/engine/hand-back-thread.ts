/** Lets input, timers and other requests run. */
export function handBackThread(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
