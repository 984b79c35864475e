import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import type { Oid } from '../base/oid.ts';
import { smallBlobsBytesMax } from '../rpc/limits.ts';
import type { BlobStore, PutFate, SmallBlob, SmallBlobAnswer } from '../store/blob-store.ts';
import type { BlobSource } from './blob-source.ts';
import { endOnAbort } from './end-on-abort.ts';
import type { FenceCheck } from './fence-check.ts';
import { inProcessEndpoint, type NodeIo } from './node-directory.ts';
import type { BlobPresenceReport, BlobStream, ByteRange, Fence, NodeCallOptions } from './node-io.ts';
import { reportPresence } from './presence-report.ts';

/** What a node in the same process needs. */
export interface InProcessNodeModules {
  readonly store: BlobStore;
  readonly fence: FenceCheck;
  readonly clock: Clock;
}

/** An object node of this process, reached without the network; the same contract as over gRPC. */
export class InProcessNode implements NodeIo {
  readonly nodeId: string;
  readonly endpoint = inProcessEndpoint;
  readonly #store: BlobStore;
  readonly #fence: FenceCheck;
  readonly #clock: Clock;

  constructor(options: { readonly nodeId: string }, modules: InProcessNodeModules) {
    this.nodeId = options.nodeId;
    this.#store = modules.store;
    this.#fence = modules.fence;
    this.#clock = modules.clock;
  }

  put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }> {
    return this.#call('PutBlob', options, async (signal) => {
      await this.#fence.admit(fence);
      return this.#store.put(source.oid, source.size, endOnAbort(source.open(), signal));
    });
  }

  get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    return this.#call('GetBlob', options, async (signal) => {
      const stream = await this.#store.read(oid, range.offset, range.length);
      // Nobody waits for it any more, and unread it would keep its file open.
      if (signal.aborted) await stream.chunks[Symbol.asyncIterator]().return?.();
      return stream;
    });
  }

  putMany(blobs: readonly SmallBlob[], fence: Fence, options: NodeCallOptions): Promise<readonly PutFate[]> {
    return this.#call('PutBlobs', options, async () => {
      await this.#fence.admit(fence);
      return this.#store.putMany(blobs);
    });
  }

  getMany(oids: readonly Oid[], options: NodeCallOptions): Promise<readonly SmallBlobAnswer[]> {
    return this.#call('GetBlobs', options, async (signal) => {
      const answers: SmallBlobAnswer[] = [];
      while (answers.length < oids.length) {
        signal.throwIfAborted();
        answers.push(...(await this.#store.getMany(oids.slice(answers.length), smallBlobsBytesMax)));
      }
      return answers;
    });
  }

  has(oids: readonly Oid[], verify: boolean, options: NodeCallOptions): Promise<readonly BlobPresenceReport[]> {
    return this.#call('HasBlobs', options, async (signal) => {
      const reports: BlobPresenceReport[] = [];
      for (const oid of oids) {
        signal.throwIfAborted();
        reports.push(await reportPresence(this.#store, oid, verify));
      }
      return reports;
    });
  }

  #call<T>(method: string, options: NodeCallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(
      this.#clock,
      `${method} at ${this.nodeId} (in process)`,
      options.timeoutMs,
      work,
      options.signal,
    );
  }
}
