import { crc32 } from 'node:zlib';
import { assert, StratumError } from '../../../../src/base/errors.ts';
import type { CacheNode } from '../../../../src/replication/shared-cache/cache-node.ts';
import type { SharedContent, SharedEntry } from '../../../../src/replication/shared-cache/shared-cache.ts';

/** A node's entries in memory, and what was asked of it. */
export interface MemoryCacheNode extends CacheNode {
  readonly entries: Map<string, Buffer>;
  /** "get <key>" and "put <key>", in the order of the calls. */
  readonly calls: string[];
  readonly isClosed: boolean;
}

/** A node in memory, some of whose calls may be replaced. */
export function memoryCacheNode(changes: Partial<Pick<CacheNode, 'get' | 'put'>> = {}): MemoryCacheNode {
  const entries = new Map<string, Buffer>();
  const calls: string[] = [];
  let isClosed = false;
  return {
    entries,
    calls,
    get isClosed() {
      return isClosed;
    },
    get: async (key, options) => {
      calls.push(`get ${key}`);
      if (changes.get !== undefined) return await changes.get(key, options);
      const content = entries.get(key);
      return content === undefined
        ? undefined
        : { sizeBytes: content.length, chunks: piecesUntil(content, options.signal) };
    },
    put: async (key, content, put, options) => {
      calls.push(`put ${key}`);
      if (changes.put !== undefined) return await changes.put(key, content, put, options);
      const whole = Buffer.concat(await Array.fromAsync(content.read()));
      if (whole.length !== content.sizeBytes || crc32(whole) !== content.crc32) {
        throw new StratumError('CHECKSUM_MISMATCH', 'other bytes', { oid: key, expected: '', got: '' });
      }
      entries.set(key, whole);
      return true;
    },
    close: () => {
      isClosed = true;
    },
  };
}

/** Content as it is given to a shared cache. */
export function sharedContent(content: Buffer): SharedContent {
  return { sizeBytes: content.length, crc32: crc32(content), read: () => piecesOf(content) };
}

/** All bytes of an entry, which must be there. */
export async function contentOfEntry(entry: SharedEntry | undefined): Promise<Buffer> {
  assert(entry !== undefined, 'there is no such entry');
  return Buffer.concat(await Array.fromAsync(entry.chunks));
}

/** Content in pieces. */
export async function* piecesOf(content: Buffer, pieceBytes = 100_000): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
}

async function* piecesUntil(content: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of piecesOf(content)) {
    signal?.throwIfAborted();
    yield piece;
  }
}
