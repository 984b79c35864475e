import type { IncomingMessage } from 'node:http';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { blobHeaders } from '../../rpc/blob-http.ts';
import { answeredError } from './answered-error.ts';
import type { CallLife, CallPlace } from './call-life.ts';
import { connectionError, garbled } from './connection-error.ts';

/**
 * The bytes of a blob as they come. They end only when all have come; otherwise with the node's own
 * error, or with one for a connection that broke. Ended early, it closes its connection.
 */
export class HttpBlobChunks implements AsyncIterableIterator<Buffer> {
  readonly #oid: Oid;
  readonly #bytes: number;
  readonly #place: CallPlace;
  readonly #response: IncomingMessage;
  readonly #life: CallLife;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #onAbort = () => this.#response.destroy(asError(this.#life.signal.reason));
  #receivedBytes = 0;

  constructor(
    options: { readonly oid: Oid; readonly bytes: number; readonly place: CallPlace },
    modules: { readonly response: IncomingMessage; readonly life: CallLife },
  ) {
    this.#oid = options.oid;
    this.#bytes = options.bytes;
    this.#place = options.place;
    this.#response = modules.response;
    this.#life = modules.life;
    this.#chunks = modules.response[Symbol.asyncIterator]();
    this.#response.on('error', () => undefined); // Told by `next`; after `return` it concerns nobody.
    if (this.#life.signal.aborted) this.#onAbort();
    else this.#life.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      const { done, value } = await this.#chunks.next();
      if (done !== true) {
        this.#receivedBytes += value.length;
        if (this.#receivedBytes > this.#bytes) throw garbled(this.#place, `more than ${this.#bytes} bytes`);
        return { done: false, value };
      }
      this.#checkEnd();
      this.#end();
      return { done: true, value: undefined };
    } catch (error) {
      const { signal } = this.#life;
      await this.return();
      throw signal.aborted ? signal.reason : connectionError(error, this.#place);
    }
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#end();
    if (!this.#response.complete) this.#response.destroy();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The body has ended as HTTP wants it; the node may have more to say. */
  #checkEnd(): void {
    const said = this.#response.trailers[blobHeaders.error];
    if (said !== undefined) throw answeredError(Buffer.from(said, 'base64'), this.#oid, this.#place);
    if (this.#receivedBytes === this.#bytes) return;
    const { endpoint, method } = this.#place;
    const message = `${method} at ${endpoint} ended after ${this.#receivedBytes} of ${this.#bytes} bytes`;
    throw new StratumError('UNREACHABLE', message, { endpoint, method });
  }

  #end(): void {
    this.#life.end();
    this.#life.signal.removeEventListener('abort', this.#onAbort);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
