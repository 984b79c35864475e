/** The life of one read: ends with its caller's signal, or by itself, and leaves nothing at the caller's signal then. */
export class ReadLife {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #onAbort = () => this.end(this.#parent?.reason);

  constructor(parent: AbortSignal | undefined) {
    this.#parent = parent;
    parent?.addEventListener('abort', this.#onAbort, { once: true });
    if (parent?.aborted) this.#onAbort();
  }

  /** Aborted when the read ends with something still under way. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Lets the caller's signal go, when nothing is left that it could end. */
  release(): void {
    this.#parent?.removeEventListener('abort', this.#onAbort);
  }

  /** Ends all that the read still does; safe to call more than once. */
  end(reason: unknown): void {
    this.release();
    this.#controller.abort(reason);
  }
}
