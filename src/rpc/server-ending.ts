/** For each call that a listener hosts, when the listener wants to stop. */
const endings = new WeakMap<object, AbortSignal>();

/** A listener that never stops, for calls in process and in tests. */
const never = new AbortController().signal;

/** Remembers for a call that its listener will want it to end at `ending`. */
export function setServerEnding(call: object, ending: AbortSignal): void {
  endings.set(call, ending);
}

/** Aborts when the listener that hosts the call wants to stop: a stream that a client keeps open then ends. */
export function serverEndingOf(call: object): AbortSignal {
  return endings.get(call) ?? never;
}
