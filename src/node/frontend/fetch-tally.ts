import type { FetchObserver } from './fetch-observer.ts';

/** Counts since the start, for operators; passes on what the metrics count for themselves. */
export class FetchTally implements FetchObserver {
  readonly #next: Pick<FetchObserver, 'warmed'> | undefined;
  #bypasses = 0;
  #prepared = 0;

  constructor(modules: { readonly next?: Pick<FetchObserver, 'warmed'> | undefined }) {
    this.#next = modules.next;
  }

  /** Fetches that went to git as they came. */
  get bypasses(): number {
    return this.#bypasses;
  }

  /** Responses prepared after pushes. */
  get prepared(): number {
    return this.#prepared;
  }

  bypassed(): void {
    this.#bypasses += 1;
  }

  warmed(result: Parameters<FetchObserver['warmed']>[0]): void {
    if (result === 'prepared') this.#prepared += 1;
    this.#next?.warmed(result);
  }
}
