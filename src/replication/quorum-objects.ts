import type { Oid } from '../base/oid.ts';
import type { BlobSource } from './blob-source.ts';
import type { BlobStream, ByteRange } from './node-io.ts';
import type { ObjectApi, PutOutcome, QuorumCallOptions } from './object-api.ts';
import { QuorumReader, type QuorumReaderOptions } from './quorum-reader.ts';
import { QuorumWriter, type QuorumWriterModules, type QuorumWriterOptions } from './quorum-writer.ts';

/** Values of both sides; each has a default. */
export interface QuorumObjectsOptions {
  readonly writer?: QuorumWriterOptions;
  readonly reader?: QuorumReaderOptions;
}

/** The replicated blob store: the quorum writer and the quorum reader behind one interface. */
export class QuorumObjects implements ObjectApi {
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
}
