import type { Oid } from '../base/oid.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { BlobPresenceReport } from './node-io.ts';

/** What a store can say of one blob; `verify` makes it hash its copy. */
export async function reportPresence(store: BlobStore, oid: Oid, verify: boolean): Promise<BlobPresenceReport> {
  const presence = await (verify ? store.verify(oid) : store.presence(oid));
  const info = presence === 'PRESENT' ? await store.stat(oid) : undefined;
  if (info === undefined) {
    // Deleted between the two looks.
    return { oid, presence: presence === 'PRESENT' ? 'MISSING' : presence, size: 0, storedAtMs: 0 };
  }
  return { oid, presence, size: info.size, storedAtMs: info.storedAtMs };
}
