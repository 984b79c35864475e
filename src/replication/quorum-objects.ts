import { asStratumError, StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { SmallBlob } from '../store/blob-store.ts';
import type { BlobSource } from './blob-source.ts';
import { MemoryBlobSource } from './memory-blob-source.ts';
import type { BlobStream, ByteRange } from './node-io.ts';
import type { ObjectApi, PutManyOutcome, PutOutcome, QuorumCallOptions, SmallObjectApi } from './object-api.ts';
import { QuorumReader, type QuorumReaderOptions } from './quorum-reader.ts';
import { QuorumWriter, type QuorumWriterModules, type QuorumWriterOptions } from './quorum-writer.ts';

/** Values of both sides; each has a default. */
export interface QuorumObjectsOptions {
  readonly writer?: QuorumWriterOptions;
  readonly reader?: QuorumReaderOptions;
}

/** The replicated blob store: the quorum writer and the quorum reader behind one interface. */
export class QuorumObjects implements ObjectApi, SmallObjectApi {
  readonly #writer: QuorumWriter;
  readonly #reader: QuorumReader;

  constructor(options: QuorumObjectsOptions, modules: QuorumWriterModules) {
    this.#writer = new QuorumWriter(options.writer ?? {}, modules);
    this.#reader = new QuorumReader(options.reader ?? {}, modules);
  }

  put(source: BlobSource, options?: QuorumCallOptions): Promise<PutOutcome> {
    return this.#writer.put(source, options);
  }

  get(oid: Oid, range?: ByteRange, options?: QuorumCallOptions): Promise<BlobStream> {
    return this.#reader.get(oid, range, options);
  }

  async putMany(blobs: readonly SmallBlob[], options?: QuorumCallOptions): Promise<PutManyOutcome> {
    const puts = await Promise.all(
      blobs.map(({ content }) => this.put(new MemoryBlobSource(content), options).catch(asStratumError)),
    );
    const settled = Promise.all(puts.map((put) => (put instanceof StratumError ? undefined : put.settled)));
    return { fates: puts, settled: settled.then(() => undefined) };
  }

  getMany(oids: readonly Oid[], options?: QuorumCallOptions): Promise<readonly (Buffer | StratumError)[]> {
    const read = async (oid: Oid) => {
      const { chunks } = await this.get(oid, undefined, options);
      return Buffer.concat(await Array.fromAsync(chunks));
    };
    return Promise.all(oids.map((oid) => read(oid).catch(asStratumError)));
  }
}
