/** What a call on a shared stream asks. */
export interface SharedQuestion<Item> {
  readonly items: readonly Item[];
  /** Items of different keys never share a message. */
  readonly key: string;
  /** Ends the wait for the answers: it holds the caller's deadline. */
  readonly signal: AbortSignal;
}

/**
 * One caller's items on a stream that it shares with others. Once it is settled, what still comes
 * for it is dropped.
 */
export class SharedCall<Item, Answer> {
  readonly items: readonly Item[];
  readonly key: string;
  /** An answer for each item, in order. */
  readonly answers: Promise<readonly Answer[]>;
  /** Items that are on their way or answered. */
  sentCount = 0;
  readonly #got: Answer[] = [];
  readonly #resolve: (answers: readonly Answer[]) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;
  #isSettled = false;

  /** `onLeave` is told when the caller leaves without its answers. */
  constructor({ items, key, signal }: SharedQuestion<Item>, onLeave: () => void) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>();
    this.items = items;
    this.key = key;
    this.answers = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    this.#onAbort = () => {
      this.fail(signal.reason);
      onLeave();
    };
    if (signal.aborted) this.fail(signal.reason);
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Whether the caller has its answers, or has left. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Takes the answer for the next item; answers come in the order of the items. */
  take(answer: Answer): void {
    if (this.#isSettled) return;
    this.#got.push(answer);
    if (this.#got.length < this.items.length) return;
    this.#settle();
    this.#resolve(this.#got);
  }

  /** Ends the call with an error. */
  fail(reason: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(reason);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
