import { StratumError } from '../base/errors.ts';

/**
 * Reads exact counts of bytes off a stream of chunks, and hands over what is left as a stream
 * again. It pulls a chunk only when it needs one, so backpressure reaches the source. Once `rest`
 * is taken nothing else may be read.
 */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #pending: Buffer = Buffer.alloc(0);
  #offset = 0;
  #ended = false;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** `count` bytes; undefined when the stream has ended before the first; PROTOCOL_ERROR when it ends within. */
  async read(count: number): Promise<Buffer | undefined> {
    while (this.#pending.length < count && !this.#ended) await this.#pull();
    if (this.#pending.length < count) {
      if (this.#pending.length === 0) return undefined;
      throw new StratumError(
        'PROTOCOL_ERROR',
        `the stream ended at byte ${this.#offset + this.#pending.length}, ${count - this.#pending.length} bytes too early`,
      );
    }
    const taken = this.#pending.subarray(0, count);
    this.#pending = this.#pending.subarray(count);
    this.#offset += count;
    return taken;
  }

  /** Everything that has not been read, chunk by chunk. Ending the iteration early ends the source. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    try {
      while (true) {
        if (this.#pending.length === 0 && !this.#ended) await this.#pull();
        const chunk = this.#pending;
        if (chunk.length === 0) {
          if (this.#ended) return;
          continue;
        }
        this.#pending = Buffer.alloc(0);
        this.#offset += chunk.length;
        yield chunk;
      }
    } finally {
      if (!this.#ended) await this.#source.return?.();
    }
  }

  async #pull(): Promise<void> {
    const next = await this.#source.next();
    if (next.done) this.#ended = true;
    else this.#pending = this.#pending.length === 0 ? next.value : Buffer.concat([this.#pending, next.value]);
  }
}
