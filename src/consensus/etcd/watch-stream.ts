import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3';
import { StratumError } from '../../base/errors.ts';

/** Responses that may wait for their reader; etcd sends one for a moment's changes, and there are few a second. */
const waitingMax = 10_000;

/**
 * The responses of one watch in order. Throws with the stream's error, when etcd cancels the watch
 * (a revision that is compacted away), and when the reader falls too far behind.
 */
export class WatchStream implements AsyncIterable<IWatchResponse> {
  readonly #stream: IDuplexStream<IWatchRequest, IWatchResponse>;
  #waiting: IWatchResponse[] = [];
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(stream: IDuplexStream<IWatchRequest, IWatchResponse>) {
    this.#stream = stream;
    stream.on('data', (response) => this.#take(response));
    stream.on('error', (error) => this.#end(error));
    stream.on('end', () => this.#end(new StratumError('NO_QUORUM', 'etcd ended the watch', { what: 'etcd' })));
  }

  /** Ends it with a reason; of several the first counts. */
  cancel(reason: unknown): void {
    this.#end(reason);
    this.#stream.cancel();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IWatchResponse, void, undefined> {
    for (;;) {
      if (this.#waiting.length === 0) {
        if (this.#failure !== undefined) throw this.#failure;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
      const responses = this.#waiting;
      this.#waiting = [];
      yield* responses;
    }
  }

  #take(response: IWatchResponse): void {
    if (response.canceled) {
      const compacted = response.compact_revision === '0' ? '' : ` (compacted up to ${response.compact_revision})`;
      const reason = response.cancel_reason || 'no reason given';
      this.#end(new StratumError('NO_QUORUM', `etcd cancelled the watch: ${reason}${compacted}`, { what: 'etcd' }));
    } else if (!response.created) {
      this.#waiting.push(response);
      if (this.#waiting.length > waitingMax) {
        this.cancel(new StratumError('OVERLOADED', `${waitingMax} changes of etcd wait`, { retryAfterMs: 0 }));
      } else this.#wake();
    }
  }

  #end(reason: unknown): void {
    this.#failure ??= reason;
    this.#wake();
  }
}
