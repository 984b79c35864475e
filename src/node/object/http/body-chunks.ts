import type { IncomingMessage } from 'node:http';
import { StratumError } from '../../../base/errors.ts';
import { KiB } from '../../../base/units.ts';

/** Bytes that wait for the store before the caller is held back. */
const waitingBytesMax = 512 * KiB;

/**
 * The body of a request in the pieces in which it came. The stream's own iterator puts what has come meanwhile
 * together, which copies every byte of a large blob. Ended early, it leaves the request as it is: its connection
 * carries the refusal.
 */
export class BodyChunks implements AsyncIterableIterator<Buffer> {
  readonly #request: IncomingMessage;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => undefined;

  constructor(request: IncomingMessage) {
    this.#request = request;
    request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    while (this.#waiting.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) {
      this.#waitingBytes -= chunk.length;
      if (this.#waitingBytes < waitingBytesMax / 2 && this.#end === undefined) this.#request.resume();
      return { done: false, value: chunk };
    }
    if (this.#end?.error !== undefined) throw this.#end.error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#finish({});
    this.#waiting.length = 0;
    this.#request.pause();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #onData = (chunk: Buffer) => {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= waitingBytesMax) this.#request.pause();
    this.#wake();
  };
  readonly #onEnd = () => this.#finish({});
  readonly #onError = (error: Error) => this.#finish({ error });
  readonly #onClose = () => this.#finish({ error: new StratumError('CANCELLED', 'the caller went away') });

  #finish(end: { readonly error?: Error }): void {
    this.#request
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
    this.#end ??= end;
    this.#wake();
  }
}
