/** The signals that end a process and that it can answer to. */
export type EndingSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** All of them. SIGHUP is a terminal that was closed. */
export const endingSignals: readonly EndingSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Exit codes of a process that a signal ended, as shells report them. */
export const signalExitCodes: Readonly<Record<EndingSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** Where signals come from: `process`, or a test's own emitter. */
export interface SignalEmitter {
  on(signal: EndingSignal, listener: (signal: EndingSignal) => void): unknown;
}

/**
 * The one place that answers to signals: each goes to whoever took them over last, at first to the
 * default. Libraries that add listeners of their own therefore change nothing.
 */
export class ProcessSignals {
  readonly #listeners: ((signal: EndingSignal) => void)[];

  constructor(emitter: SignalEmitter, byDefault: (signal: EndingSignal) => void) {
    this.#listeners = [byDefault];
    for (const signal of endingSignals) emitter.on(signal, () => this.#listeners.at(-1)?.(signal));
  }

  /** Sends signals to `listener` until the result is called. */
  handle(listener: (signal: EndingSignal) => void): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.lastIndexOf(listener);
      if (at > 0) this.#listeners.splice(at, 1);
    };
  }
}

/**
 * Runs `load`, and takes back the listeners for ending signals that it added. For libraries that
 * end the process by sending the signal once more, which here would count as a second one.
 */
export async function withoutSignalListeners<T>(load: () => Promise<T>): Promise<T> {
  const before = new Map(endingSignals.map((signal) => [signal, new Set(process.listeners(signal))]));
  const loaded = await load();
  for (const signal of endingSignals) {
    for (const listener of process.listeners(signal)) {
      if (before.get(signal)?.has(listener) === false) process.removeListener(signal, listener);
    }
  }
  return loaded;
}
