/**
 * Events whose first one was read ahead, as if nobody had. No generator: every event of every stream
 * would wait for one more.
 */
export function beginWith<Event>(
  first: IteratorResult<Event, void>,
  rest: AsyncIterableIterator<Event, void, void>,
): AsyncIterableIterator<Event, void, void> {
  let held: IteratorResult<Event, void> | null = first;
  return {
    next() {
      if (held === null) return rest.next();
      const told = Promise.resolve(held);
      held = null;
      return told;
    },
    return: () => rest.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
