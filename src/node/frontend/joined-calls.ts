import { abortable } from './abortable.ts';

interface Entry<T> {
  running: Promise<T>;
  /** Not started yet, so that who joins it sees everything that happened before it joined. */
  waiting: Promise<T> | undefined;
}

/**
 * One call at a time for each key. A caller joins a call that has not been started yet, never one
 * that runs: its answer could be older than the caller's question, and a read would be stale.
 */
export class JoinedCalls<T> {
  readonly #call: (key: string) => Promise<T>;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(call: (key: string) => Promise<T>) {
    this.#call = call;
  }

  /** The answer of a call that starts after this moment. An abort leaves the call to the others. */
  run(key: string, signal?: AbortSignal): Promise<T> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return abortable(this.#start(key), signal);
    entry.waiting ??= entry.running.then(
      () => this.#start(key),
      () => this.#start(key),
    );
    return abortable(entry.waiting, signal);
  }

  #start(key: string): Promise<T> {
    const running = this.#call(key);
    const entry: Entry<T> = { running, waiting: undefined };
    this.#entries.set(key, entry);
    const ended = () => {
      if (entry.waiting === undefined) this.#entries.delete(key);
    };
    running.then(ended, ended);
    return running;
  }
}
