import type { Clock } from '../base/clock.ts';
import type { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { SmallBlob } from '../store/blob-store.ts';
import type { TopologySource } from '../topology/topology.ts';
import type { BlobSource } from './blob-source.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { BlobStream, ByteRange } from './node-io.ts';
import { NodeLatencies } from './node-latency.ts';
import type { ObjectApi, PutManyOutcome, PutOutcome, QuorumCallOptions, SmallObjectApi } from './object-api.ts';
import { QuorumReader } from './read/quorum-reader.ts';
import type { ReadObserver } from './read/read-observer.ts';
import type { QuorumReaderOptions } from './read/reader-settings.ts';
import type { GapSink } from './replica-gaps.ts';
import { QuorumWriter, type QuorumWriterOptions } from './write/quorum-writer.ts';

/** Values of both sides; each has a default. */
export interface QuorumObjectsOptions {
  readonly writer?: QuorumWriterOptions;
  readonly reader?: QuorumReaderOptions;
}

/** What both sides work with. */
export interface QuorumObjectsModules {
  readonly clock: Clock;
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
  /** Told of own nodes that lack a blob which others have. */
  readonly gaps?: GapSink | undefined;
  readonly readObserver?: ReadObserver | undefined;
}

/** The replicated blob store: the quorum writer and the quorum reader behind one interface. */
export class QuorumObjects implements ObjectApi, SmallObjectApi {
  readonly #writer: QuorumWriter;
  readonly #reader: QuorumReader;

  constructor(options: QuorumObjectsOptions, modules: QuorumObjectsModules) {
    const latencies = new NodeLatencies(modules);
    this.#writer = new QuorumWriter(options.writer ?? {}, { ...modules, latencies });
    this.#reader = new QuorumReader(options.reader ?? {}, { ...modules, latencies });
  }

  put(source: BlobSource, options?: QuorumCallOptions): Promise<PutOutcome> {
    return this.#writer.put(source, options);
  }

  get(oid: Oid, range?: ByteRange, options?: QuorumCallOptions): Promise<BlobStream> {
    return this.#reader.get(oid, range, options);
  }

  putMany(blobs: readonly SmallBlob[], options?: QuorumCallOptions): Promise<PutManyOutcome> {
    return this.#writer.putMany(blobs, options);
  }

  getMany(oids: readonly Oid[], options?: QuorumCallOptions): Promise<readonly (Buffer | StratumError)[]> {
    return this.#reader.getMany(oids, options);
  }
}
