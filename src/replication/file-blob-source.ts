import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Oid } from '../base/oid.ts';
import { chunkBytes } from '../rpc/limits.ts';
import type { BlobSource } from './blob-source.ts';

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
    for await (const chunk of readChunks(path)) {
      signal?.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
    }
    return new FileBlobSource({ path, oid: hash.digest('hex') as Oid, size });
  }

  open(): AsyncGenerator<Buffer, void, undefined> {
    return readChunks(this.path);
  }
}

async function* readChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path, 'r');
  try {
    while (true) {
      const buffer = Buffer.allocUnsafeSlow(chunkBytes);
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
