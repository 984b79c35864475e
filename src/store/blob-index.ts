import type { Clock } from '../base/clock.ts';
import type { Oid } from '../base/oid.ts';
import { type BlobRecord, decodeBlobRecord, encodeBlobRecord } from './blob-record.ts';
import type { BlobPage, ListedBlob } from './blob-store.ts';
import {
  areBlobTotals,
  type BlobTotals,
  countChange,
  decodeBlobTotals,
  encodeBlobTotals,
  noBlobs,
} from './blob-totals.ts';
import { BufferSlab } from './buffer-slab.ts';
import { checkedContentOfRow, contentOfRow, encodeContentRow, quarantinedRow } from './content-row.ts';
import type { Durability } from './durability.ts';
import { afterPositionKey, blobKey, oidOfKey, positionKey, singleKey } from './keys.ts';
import { commit, flush, type LmdbEnvironment, openLmdb } from './lmdb-environment.ts';
import type { StoreObserver } from './store-observer.ts';

/** Values of an index. */
export interface BlobIndexOptions {
  /** Its folder. */
  readonly path: string;
  /** `disk` unless given. */
  readonly durability?: Durability | undefined;
}

/** What an index needs. */
export interface BlobIndexModules {
  readonly clock: Clock;
  readonly observer: StoreObserver;
}

/** What is to become of a blob's record, decided inside the transaction that writes it. */
export interface BlobChange<T> {
  /** The new record; undefined removes it, `current` itself leaves all as it is. */
  readonly next: BlobRecord | undefined;
  /** What happens to content in the index; absent leaves it. */
  readonly content?: 'remove' | 'quarantine';
  readonly result: T;
}

/**
 * How an index was last used: `clean` ended by `close`; `unclean` did not; `none` when it is new, or an
 * adoption of the files that a new one found has not come to its end.
 */
export type LastUse = 'clean' | 'unclean' | 'none';

const adoptionKey = singleKey('objectAdoption');
const adoptionVersion = Buffer.from([1]);
const totalsKey = singleKey('objectTotals');
const cleanCloseKey = singleKey('objectCleanClose');
const cleanCloseVersion = Buffer.from([1]);
const positionMax = 2n ** 64n - 1n;

/**
 * The LMDB index of a blob store: a record for each blob, and the content of small ones. A change
 * is on disk when its promise resolves; changes that come in while a commit is under way share the
 * next one, and take effect in the order of the calls.
 */
export class BlobIndex {
  readonly #database: LmdbEnvironment;
  readonly #durability: Durability;
  readonly #clock: Clock;
  readonly #observer: StoreObserver;
  readonly #slab = new BufferSlab();

  private constructor(database: LmdbEnvironment, durability: Durability, modules: BlobIndexModules) {
    this.#database = database;
    this.#durability = durability;
    this.#clock = modules.clock;
    this.#observer = modules.observer;
  }

  /** Opens or creates the index in a folder. */
  static open({ path, durability = 'disk' }: BlobIndexOptions, modules: BlobIndexModules): BlobIndex {
    return new BlobIndex(openLmdb(path, durability), durability, modules);
  }

  record(oid: Oid): BlobRecord | undefined {
    const bytes = this.#database.get(blobKey('objectBlob', oid));
    return bytes === undefined ? undefined : decodeBlobRecord(bytes);
  }

  /** Content that is kept in the index, as it is on the disk; undefined also for a copy in quarantine. */
  content(oid: Oid): Buffer | undefined {
    const row = this.#row(oid);
    return row === undefined ? undefined : contentOfRow(row);
  }

  /**
   * The same without flipped bits: undefined also for content that is damaged. One look-up, whatever
   * the record says. Contents that are read one after another share memory.
   */
  checkedContent(oid: Oid): Buffer | undefined {
    // LMDB's own buffer, which the next look-up overwrites: copied once, where `get` copies twice.
    const shared = this.#database.getBinaryFast(blobKey('objectContent', oid));
    return shared === undefined ? undefined : checkedContentOfRow(this.#slab.copyOf(shared));
  }

  #row(oid: Oid): Buffer | undefined {
    return this.#database.get(blobKey('objectContent', oid));
  }

  /** Changes one blob's record, content and the totals together. `decide` may run later and must not await. */
  async change<T>(oid: Oid, decide: (current: BlobRecord | undefined) => BlobChange<T>): Promise<T> {
    return this.#commit(`the record of blob ${oid}`, () => {
      const current = this.record(oid);
      const change = decide(current);
      this.#write(oid, current, change);
      return change.result;
    });
  }

  // Inside a transaction lmdb-js writes at once; the promises it returns say nothing more.
  #write(oid: Oid, current: BlobRecord | undefined, { next, content }: BlobChange<unknown>): void {
    if (next !== current) {
      // Before the first write, for it may throw.
      const totals = countChange(this.totals(), current, next);
      const key = blobKey('objectBlob', oid);
      if (next === undefined) void this.#database.remove(key);
      else void this.#database.put(key, encodeBlobRecord(next));
      void this.#database.put(totalsKey, encodeBlobTotals(totals));
    }
    if (content === undefined) return;
    const key = blobKey('objectContent', oid);
    const row = content === 'quarantine' ? this.#database.get(key) : undefined;
    if (row === undefined) void this.#database.remove(key);
    else void this.#database.put(key, quarantinedRow(row));
  }

  /**
   * Puts blobs and their content in one transaction, all of the age that `nowMs` tells in it. Gives
   * the record that each had before. Content that is there already, byte for byte, is not written again.
   */
  async putMany(
    blobs: ReadonlyMap<Oid, Buffer>,
    nowMs: () => number,
  ): Promise<ReadonlyMap<Oid, BlobRecord | undefined>> {
    // Before the transaction, which others wait for: the commit before it may still be under way.
    const rows = [...blobs].map(([oid, content]) => ({ oid, size: content.length, row: encodeContentRow(content) }));
    const what = rows.length === 1 ? `blob ${rows[0]?.oid}` : `${rows.length} blobs`;
    return this.#commit(what, () => {
      const storedAtMs = nowMs();
      // All are read before the first is written: this must not throw after a write.
      const before = new Map(rows.map(({ oid }) => [oid, this.record(oid)] as const));
      let totals = this.totals();
      for (const { oid, size, row } of rows) {
        const current = before.get(oid);
        const next: BlobRecord = { place: 'index', quarantined: false, size, storedAtMs };
        void this.#database.put(blobKey('objectBlob', oid), encodeBlobRecord(next));
        // Compared, not trusted: a copy that has rotted is written anew.
        const isThere = current?.place === 'index' && this.#row(oid)?.equals(row) === true;
        if (!isThere) void this.#database.put(blobKey('objectContent', oid), row);
        totals = countChange(totals, current, next);
      }
      void this.#database.put(totalsKey, encodeBlobTotals(totals));
      return before;
    });
  }

  /** Writes records of blobs whose content is in files, in one transaction. */
  async putRecords(records: ReadonlyMap<Oid, BlobRecord>): Promise<void> {
    await this.#commit(`the records of ${records.size} blobs`, () => {
      let totals = this.totals();
      for (const [oid, next] of records) totals = countChange(totals, this.record(oid), next);
      for (const [oid, next] of records) void this.#database.put(blobKey('objectBlob', oid), encodeBlobRecord(next));
      void this.#database.put(totalsKey, encodeBlobTotals(totals));
    });
  }

  /** Replaces the totals by what was counted anew. */
  async correctTotals(totals: BlobTotals): Promise<void> {
    await this.#commit('the totals of the blob index', () => {
      void this.#database.put(totalsKey, encodeBlobTotals(totals));
    });
  }

  async #commit<T>(what: string, work: () => T): Promise<T> {
    let writtenAtMs = this.#clock.monotonicMs();
    const result = await commit(this.#database, what, () => {
      const value = work();
      writtenAtMs = this.#clock.monotonicMs();
      return value;
    });
    if (this.#durability === 'disk') this.#observer.synced(this.#clock.monotonicMs() - writtenAtMs);
    return result;
  }

  totals(): BlobTotals {
    const bytes = this.#database.get(totalsKey);
    return bytes === undefined ? noBlobs : decodeBlobTotals(bytes);
  }

  /** Blobs, also those in quarantine, by position, wrapping around when `to` is below `from`. */
  list(from: bigint, to: bigint, cursor: Oid | undefined, pageSize: number): BlobPage {
    const entries: ListedBlob[] = [];
    for (const { start, end } of segments(from, to, cursor)) {
      for (const [oid, record] of this.#range(start, end)) {
        if (entries.length === pageSize) return { entries, nextCursor: entries.at(-1)?.oid };
        const { size, storedAtMs, quarantined } = record;
        entries.push({ oid, size, storedAtMs, presence: quarantined ? 'CORRUPT' : 'PRESENT' });
      }
    }
    return { entries, nextCursor: undefined };
  }

  /** All records by id, from one moment in time. */
  records(): Iterable<readonly [Oid, BlobRecord]> {
    return this.#range(positionKey(0n), afterPositionKey(positionMax));
  }

  *#range(start: Buffer, end: Buffer): Iterable<readonly [Oid, BlobRecord]> {
    for (const { key, value } of this.#database.getRange({ start, end })) {
      yield [oidOfKey(key), decodeBlobRecord(value)];
    }
  }

  /** How the last use ended; from now on it has not ended by `close`, until `close`. */
  async begin(): Promise<LastUse> {
    if (this.#database.doesExist(cleanCloseKey)) {
      await this.#commit('the blob index', () => {
        void this.#database.remove(cleanCloseKey);
      });
      const totals = this.#database.get(totalsKey);
      // Unreadable ones would make every change fail: recovery counts anew.
      return totals === undefined || areBlobTotals(totals) ? 'clean' : 'unclean';
    }
    if (this.#database.doesExist(adoptionKey)) return 'none';
    if (this.#database.doesExist(totalsKey)) return 'unclean';
    await commit(this.#database, 'a new blob index', () => {
      void this.#database.put(adoptionKey, adoptionVersion);
      void this.#database.put(totalsKey, encodeBlobTotals(noBlobs));
    });
    return 'none';
  }

  /** Says that all files which a new index found have their records: from now on a file without one was never acknowledged. */
  async endAdoption(): Promise<void> {
    await commit(this.#database, 'a new blob index', () => {
      void this.#database.remove(adoptionKey);
    });
  }

  /** Closes without the mark of a clean close. */
  async abandon(): Promise<void> {
    await this.#database.close();
  }

  /** Puts all changes on disk: with durability `quorum` nobody else does. */
  flush(): Promise<void> {
    return flush(this.#database);
  }

  /** Waits for all changes, puts them on disk and closes; the next `begin` learns that all went well. */
  async close(): Promise<void> {
    try {
      await this.#commit('the blob index', () => {
        void this.#database.put(cleanCloseKey, cleanCloseVersion);
      });
      if (this.#durability !== 'disk') await this.flush();
    } finally {
      await this.#database.close();
    }
  }
}

/** The parts of a range that are still to be listed, each from a key (inclusive) to a key (exclusive). */
function segments(from: bigint, to: bigint, cursor: Oid | undefined): { start: Buffer; end: Buffer }[] {
  const parts =
    from <= to
      ? [{ start: positionKey(from), end: afterPositionKey(to) }]
      : [
          { start: positionKey(from), end: afterPositionKey(positionMax) },
          { start: positionKey(0n), end: afterPositionKey(to) },
        ];
  if (cursor === undefined) return parts;
  // The first key after the cursor's: keys are compared as bytes, and a longer one comes later.
  const resume = Buffer.concat([blobKey('objectBlob', cursor), Buffer.alloc(1)]);
  const at = parts.findIndex(({ start, end }) => start.compare(resume) < 0 && resume.compare(end) < 0);
  return parts
    .slice(Math.max(at, 0))
    .map((part, index) => (index === 0 && at >= 0 ? { ...part, start: resume } : part));
}
