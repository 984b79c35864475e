import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { type CallPlace, deadlineExceeded } from '../remote/call-life.ts';
import { connectionError } from '../remote/connection-error.ts';
import { EntryCheck, type EntryClaim } from './entry-check.ts';

/** Bytes that wait for the reader before the node is held back. */
const waitingBytesMax = MiB;

/** Values of an entry that comes. */
export interface CacheEntryChunksOptions {
  readonly claim: EntryClaim;
  readonly place: CallPlace;
  /** How long a reader waits for the next bytes, in milliseconds. */
  readonly idleTimeoutMs: number;
}

/** What an entry comes with. */
export interface CacheEntryChunksModules {
  readonly response: IncomingMessage;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/**
 * The content of an entry in the pieces in which it comes; the stream's own iterator would put them together, which
 * copies every byte. Ended early, or by its signal, it closes its connection.
 */
export class CacheEntryChunks implements AsyncIterableIterator<Buffer> {
  readonly #options: CacheEntryChunksOptions;
  readonly #modules: CacheEntryChunksModules;
  readonly #check: EntryCheck;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #isLeft = false;
  #wake: () => void = () => undefined;

  constructor(options: CacheEntryChunksOptions, modules: CacheEntryChunksModules) {
    this.#options = options;
    this.#modules = modules;
    const { response, signal } = modules;
    this.#check = new EntryCheck(options.claim);
    response.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const isOver = this.#end !== undefined || this.#check.isComplete;
    if (this.#waiting.length === 0 && !isOver) await this.#more();
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) return { done: false, value: this.#checked(chunk) };
    if (this.#end?.error !== undefined) throw this.#end.error;
    if (!this.#check.isComplete && !this.#isLeft) throw this.#tooShort();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#isLeft = true;
    this.#finish({});
    this.#leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Resolves when there are bytes or an end. */
  async #more(): Promise<void> {
    const { place, idleTimeoutMs } = this.#options;
    const timer = this.#modules.clock.after(idleTimeoutMs, () => {
      this.#finish({ error: deadlineExceeded(place, idleTimeoutMs) });
      this.#leave();
    });
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    timer.cancel();
  }

  #checked(chunk: Buffer): Buffer {
    this.#waitingBytes -= chunk.length;
    try {
      this.#check.take(chunk);
    } catch (error) {
      this.#finish({ error });
      this.#leave();
      throw error;
    }
    if (this.#waitingBytes < waitingBytesMax / 2 && this.#end === undefined) this.#modules.response.resume();
    return chunk;
  }

  readonly #onData = (chunk: Buffer) => {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= waitingBytesMax) this.#modules.response.pause();
    this.#wake();
  };
  readonly #onEnd = () => this.#finish({});
  readonly #onError = (error: Error) => this.#finish({ error: connectionError(error, this.#options.place) });
  readonly #onClose = () => this.#finish({ error: this.#tooShort() });
  readonly #onAbort = () => {
    this.#finish({ error: this.#modules.signal?.reason });
    this.#leave();
  };

  /** The first end is the one that counts; what has come before an error of the connection is still given. */
  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const { response, signal } = this.#modules;
    signal?.removeEventListener('abort', this.#onAbort);
    response.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    this.#wake();
  }

  /** Nobody wants the rest. */
  #leave(): void {
    this.#waiting.length = 0;
    const { response } = this.#modules;
    if (!response.complete) response.destroy();
    else response.resume();
  }

  #tooShort(): StratumError<'UNREACHABLE'> {
    const { place, claim } = this.#options;
    const { endpoint, method } = place;
    const message = `${method} at ${endpoint} ended after ${this.#check.bytes} of ${claim.sizeBytes} bytes`;
    return new StratumError('UNREACHABLE', message, { endpoint, method });
  }
}
