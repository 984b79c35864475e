import type { Oid } from '../../base/oid.ts';
import type { BlobSource, LendBuffer } from '../blob-source.ts';

/**
 * A source that knows whether a put has failed by its doing: it broke off, or it was waited for when
 * the time was over. A slow disk or a slow third party must not be held against the node.
 */
export class WatchedSource implements BlobSource {
  readonly oid: Oid;
  readonly size: number;
  readonly #source: BlobSource;
  #isAwaited = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: BlobSource) {
    this.oid = source.oid;
    this.size = source.size;
    this.#source = source;
  }

  /** Whether its next chunk is being waited for. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** Whether this error is the one with which it broke off. */
  hasThrown(error: unknown): boolean {
    return this.#failure?.error === error;
  }

  async *open(lend?: LendBuffer): AsyncGenerator<Buffer, void, undefined> {
    this.#failure = undefined;
    this.#isAwaited = true;
    try {
      for await (const chunk of this.#source.open(lend)) {
        this.#isAwaited = false;
        yield chunk;
        this.#isAwaited = true;
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      this.#isAwaited = false;
    }
  }
}
