/** What has passed, as far as it must be known. */
interface WatchState {
  /** Bytes of the current pkt-line that are still to come. */
  remaining: number;
  /** The first bytes of the current pkt-line: its length, then as much of its payload as tells an error. */
  head: string;
}

const lengthDigits = 4;
const headBytes = lengthDigits + 'ERR '.length;

/**
 * Watches the pkt-lines of `git upload-pack` pass, across chunks, for the two ways in which it
 * tells a client of a fatal error: an "ERR" line, and band 3. Where neither was sent, a failed
 * process must break the connection, or half a pack would look whole. The watch ends where the
 * lines end: to a client of an old protocol without bands the pack follows as it is.
 */
export class OutputWatch {
  readonly #state: WatchState = { remaining: 0, head: '' };
  #failureTold = false;
  #hasEnded = false;

  /** The client has been told in the protocol that the response failed. */
  get failureTold(): boolean {
    return this.#failureTold;
  }

  /** Looks at the next bytes. */
  see(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#hasEnded; ) at = this.#step(chunk, at);
  }

  #step(chunk: Buffer, at: number): number {
    const state = this.#state;
    if (state.head.length < lengthDigits) {
      const end = Math.min(chunk.length, at + lengthDigits - state.head.length);
      state.head += chunk.toString('latin1', at, end);
      if (state.head.length === lengthDigits) this.#beginLine();
      return end;
    }
    const end = Math.min(chunk.length, at + state.remaining);
    const missing = headBytes - state.head.length;
    if (missing > 0) {
      state.head += chunk.toString('latin1', at, Math.min(end, at + missing));
      const payload = state.head.slice(lengthDigits);
      if (payload === 'ERR ' || payload.startsWith('\x03')) this.#failureTold = true;
    }
    state.remaining -= end - at;
    if (state.remaining === 0) state.head = '';
    return end;
  }

  #beginLine(): void {
    const { head } = this.#state;
    this.#hasEnded = !/^[0-9a-f]{4}$/i.test(head);
    if (this.#hasEnded) return;
    this.#state.remaining = Math.max(0, Number.parseInt(head, 16) - lengthDigits);
    if (this.#state.remaining === 0) this.#state.head = '';
  }
}
