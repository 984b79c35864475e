import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Oid } from '../../base/oid.ts';
import type { HashedFile } from '../../replication/file-blob-source.ts';

/** A pack ends with a checksum of 20 or 32 bytes, and none is as short. */
const tailBytes = 32;

/** Hashes a pack while it passes, so that its file need not be read for its SHA-256 once more. */
export class StreamHash {
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #tail = Buffer.alloc(0);

  /** The pack as it comes. */
  async *passing(pack: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of pack) {
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
      this.#tail = Buffer.concat([this.#tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
      yield chunk;
    }
  }

  /**
   * What is known of the file that git made of the pack; undefined when git completed a thin pack, or left out what
   * followed it. git has checked the trailer of what came, and has written that of the file: where both are equal, and the
   * sizes are, the file is what came.
   */
  async fileOf(path: string): Promise<HashedFile | undefined> {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size !== this.#bytes || size < tailBytes) return undefined;
      const tail = Buffer.alloc(tailBytes);
      await file.read(tail, 0, tailBytes, size - tailBytes);
      return tail.equals(this.#tail) ? { path, oid: this.#hash.digest('hex') as Oid, size } : undefined;
    } finally {
      await file.close();
    }
  }
}
