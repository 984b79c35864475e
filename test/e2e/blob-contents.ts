import { randomBytes } from 'node:crypto';
import { oidOf } from '../../src/base/oid.ts';
import { KiB } from '../../src/base/units.ts';
import type { BlobStream } from '../../src/replication/node-io.ts';
import type { SmallBlob } from '../../src/store/blob-store.ts';

/** Made in blocks, each of which begins with its own number: random bytes cost more than the rest of a test. */
const blockBytes = 64 * KiB;

/** Bytes that no other content has. */
export function newContent(bytes: number): Buffer {
  const block = randomBytes(Math.min(bytes, blockBytes));
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += blockBytes) {
    block.copy(content, at);
    if (at + 4 <= bytes) content.writeUInt32LE(at, at);
  }
  return content;
}

export function smallBlob(content: Buffer): SmallBlob {
  return { oid: oidOf(content), content };
}

export async function readWhole({ chunks }: BlobStream): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}
