import { type Oid, oidOf } from '../base/oid.ts';
import { chunkBytes } from '../rpc/limits.ts';
import type { BlobSource } from './blob-source.ts';

/** Content that is in memory, as a source. */
export class MemoryBlobSource implements BlobSource {
  readonly oid: Oid;
  readonly size: number;
  readonly #content: Buffer;

  constructor(content: Uint8Array) {
    this.#content = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    this.oid = oidOf(content);
    this.size = content.length;
  }

  async *open(): AsyncGenerator<Buffer, void, undefined> {
    for (let offset = 0; offset < this.size; offset += chunkBytes) {
      yield this.#content.subarray(offset, offset + chunkBytes);
    }
  }
}
