import { KiB } from '../../base/units.ts';
import { endOnAbort } from '../../replication/end-on-abort.ts';
import type { NodeCallOptions } from '../../replication/node-io.ts';
import type { CacheNode } from '../../replication/shared-cache/cache-node.ts';
import type { SharedContent, SharedEntry, SharedPutOptions } from '../../replication/shared-cache/shared-cache.ts';
import type { CacheStore } from './cache-store.ts';
import { entryChunks } from './entry-chunks.ts';

/** Bytes of a chunk. */
const chunkBytes = 256 * KiB;

/** The shared cache's entries of this process's own node, without the network. */
export class LocalCacheNode implements CacheNode {
  readonly #cache: CacheStore;

  constructor(modules: { readonly cache: CacheStore }) {
    this.#cache = modules.cache;
  }

  async get(key: string, { signal }: NodeCallOptions): Promise<SharedEntry | undefined> {
    const reader = this.#cache.get(key);
    if (reader === undefined) return undefined;
    const { sizeBytes } = reader.entry;
    return { sizeBytes, chunks: entryChunks(reader, { chunkBytes, signal }) };
  }

  put(key: string, content: SharedContent, put: SharedPutOptions, { signal }: NodeCallOptions): Promise<boolean> {
    const { sizeBytes, crc32 } = content;
    const chunks = {
      [Symbol.asyncIterator]: () =>
        signal === undefined ? content.read()[Symbol.asyncIterator]() : endOnAbort(content.read(), signal),
    };
    return this.#cache.put({ key, sizeBytes, crc32, ...put }, chunks);
  }

  close(): void {
    // The cache is its node's to close.
  }
}
