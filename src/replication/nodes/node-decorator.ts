import type { Oid } from '../../base/oid.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../../store/blob-store.ts';
import type { BlobSource } from '../blob-source.ts';
import type { NodeIo } from '../node-directory.ts';
import type { BlobPresenceReport, BlobStream, ByteRange, Fence, NodeCallOptions } from '../node-io.ts';
import { observedChunks } from './observed-chunks.ts';
import { WatchedSource } from './watched-source.ts';

/** A method of NodeIo. */
export type NodeMethod = 'put' | 'putMany' | 'get' | 'getMany' | 'has';

/** A call to a node, before it is made. */
export interface NodeCall {
  readonly method: NodeMethod;
  readonly options: NodeCallOptions;
  /** How many blobs it is about. */
  readonly blobCount: number;
  /** Bytes of content that it sends. */
  readonly sentBytes: number;
  /** What `put` sends. */
  readonly source?: WatchedSource;
  /** `has` makes the node read and hash its copies. */
  readonly verifies?: boolean;
}

/** What came of a call when all of it was over, a stream's last chunk included. */
export interface CallEnd {
  /** Why it failed; absent when it did not, also when its reader has left a stream before the end. */
  readonly failure?: { readonly error: unknown };
  /** Bytes of content that it brought. */
  readonly receivedBytes: number;
  /** What became of each blob of `putMany`. */
  readonly fates?: readonly PutFate[];
  /** What `getMany` was answered. */
  readonly answers?: readonly SmallBlobAnswer[];
}

/** Makes the call at the node below; may be called again with other options. */
export type MakeCall<T> = (options: NodeCallOptions) => Promise<T>;

/** What a decorator does about one call. */
export interface CallAspect {
  /** Makes the call: as it is, more than once, or not at all. A stream is still to be read when it resolves. */
  run<T>(make: MakeCall<T>): Promise<T>;
  /** Told once, after everything. */
  ended(end: CallEnd): void;
}

/** A node around another one, that treats all methods alike: `begin` says how. */
export abstract class NodeDecorator implements NodeIo {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly #inner: NodeIo;

  constructor(inner: NodeIo) {
    this.nodeId = inner.nodeId;
    this.endpoint = inner.endpoint;
    this.#inner = inner;
  }

  /** Called at the start of each call. */
  protected abstract begin(call: NodeCall): CallAspect;

  put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }> {
    const watched = source instanceof WatchedSource ? source : new WatchedSource(source);
    const call: NodeCall = { method: 'put', options, blobCount: 1, sentBytes: source.size, source: watched };
    return this.#settle(call, (changed) => this.#inner.put(watched, fence, changed), nothingMore);
  }

  putMany(blobs: readonly SmallBlob[], fence: Fence, options: NodeCallOptions): Promise<readonly PutFate[]> {
    let sentBytes = 0;
    for (const { content } of blobs) sentBytes += content.length;
    const call: NodeCall = { method: 'putMany', options, blobCount: blobs.length, sentBytes };
    return this.#settle(
      call,
      (changed) => this.#inner.putMany(blobs, fence, changed),
      (fates) => ({ receivedBytes: 0, fates }),
    );
  }

  async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    const aspect = this.begin({ method: 'get', options, blobCount: 1, sentBytes: 0 });
    try {
      const { size, chunks } = await aspect.run((changed) => this.#inner.get(oid, range, changed));
      const ended = (receivedBytes: number, failure?: { readonly error: unknown }) =>
        aspect.ended(failure === undefined ? { receivedBytes } : { receivedBytes, failure });
      return { size, chunks: observedChunks(chunks, ended) };
    } catch (error) {
      aspect.ended({ receivedBytes: 0, failure: { error } });
      throw error;
    }
  }

  getMany(oids: readonly Oid[], options: NodeCallOptions): Promise<readonly SmallBlobAnswer[]> {
    const call: NodeCall = { method: 'getMany', options, blobCount: oids.length, sentBytes: 0 };
    return this.#settle(
      call,
      (changed) => this.#inner.getMany(oids, changed),
      (answers) => ({ receivedBytes: bytesOf(answers), answers }),
    );
  }

  has(oids: readonly Oid[], verify: boolean, options: NodeCallOptions): Promise<readonly BlobPresenceReport[]> {
    const call: NodeCall = { method: 'has', options, blobCount: oids.length, sentBytes: 0, verifies: verify };
    return this.#settle(call, (changed) => this.#inner.has(oids, verify, changed), nothingMore);
  }

  async #settle<T>(call: NodeCall, make: MakeCall<T>, endOf: (value: T) => CallEnd): Promise<T> {
    const aspect = this.begin(call);
    let value: T;
    try {
      value = await aspect.run(make);
    } catch (error) {
      aspect.ended({ receivedBytes: 0, failure: { error } });
      throw error;
    }
    aspect.ended(endOf(value));
    return value;
  }
}

function nothingMore(): CallEnd {
  return { receivedBytes: 0 };
}

function bytesOf(answers: readonly SmallBlobAnswer[]): number {
  let bytes = 0;
  for (const answer of answers) if (answer.presence === 'PRESENT') bytes += answer.content.length;
  return bytes;
}
