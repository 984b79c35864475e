import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Oid } from '../base/oid.ts';
import { chunkBytes } from '../rpc/limits.ts';
import type { BlobSource, LendBuffer } from './blob-source.ts';

/** A file whose hash and size are known. */
export interface HashedFile {
  readonly path: string;
  /** SHA-256 of the content. */
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
}

/** A file as a source. A file that changes after it was hashed is refused by every node that it is sent to. */
export class FileBlobSource implements BlobSource {
  readonly path: string;
  readonly oid: Oid;
  readonly size: number;

  constructor(file: HashedFile) {
    this.path = file.path;
    this.oid = file.oid;
    this.size = file.size;
  }

  /** Reads a file once to hash it. System errors (ENOENT and the like) are the caller's to word. */
  static async fromFile(path: string, signal?: AbortSignal): Promise<FileBlobSource> {
    const hash = createHash('sha256');
    let size = 0;
    // One is hashed while the other is read into.
    const buffers = [freshBuffer(), freshBuffer()];
    const lend = () => {
      buffers.reverse();
      return buffers[0] ?? freshBuffer();
    };
    for await (const chunk of readChunks(path, lend)) {
      signal?.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
    }
    return new FileBlobSource({ path, oid: hash.digest('hex') as Oid, size });
  }

  open(lend?: LendBuffer): AsyncGenerator<Buffer, void, undefined> {
    return readChunks(this.path, lend);
  }
}

const freshBuffer = () => Buffer.allocUnsafeSlow(chunkBytes);

/** Reads the next chunk while the last is looked at. */
async function* readChunks(path: string, lend: LendBuffer = freshBuffer): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path, 'r');
  const read = async () => {
    const buffer = lend();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  };
  let ahead = read();
  try {
    while (true) {
      const chunk = await ahead;
      if (chunk.length === 0) return;
      ahead = read();
      ahead.catch(() => undefined); // Thrown when it is asked for.
      yield chunk;
    }
  } finally {
    await Promise.allSettled([ahead]); // It uses the file.
    await file.close();
  }
}
