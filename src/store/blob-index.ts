import type { Oid } from '../base/oid.ts';
import { type BlobRecord, decodeBlobRecord, encodeBlobRecord } from './blob-record.ts';
import type { BlobInfo, BlobPage } from './blob-store.ts';
import { type BlobTotals, countChange, decodeBlobTotals, encodeBlobTotals, noBlobs } from './blob-totals.ts';
import { afterPositionKey, blobKey, oidOfKey, positionKey, singleKey } from './keys.ts';
import { commit, type LmdbEnvironment, openLmdb } from './lmdb-environment.ts';

/** What is to become of a blob's record, decided inside the transaction that writes it. */
export interface BlobChange<T> {
  /** The new record; undefined removes it, `current` itself leaves all as it is. */
  readonly next: BlobRecord | undefined;
  /** New content for the index; null removes it; absent leaves it. */
  readonly content?: Uint8Array | null;
  readonly result: T;
}

const totalsKey = singleKey('objectTotals');
const cleanCloseKey = singleKey('objectCleanClose');
const cleanCloseVersion = Buffer.from([1]);
const positionMax = 2n ** 64n - 1n;

/**
 * The LMDB index of a blob store: a record for each blob, and the content of small ones. A change
 * is on disk when its promise resolves; changes that come in while a commit is under way share the
 * next one.
 */
export class BlobIndex {
  readonly #database: LmdbEnvironment;

  private constructor(database: LmdbEnvironment) {
    this.#database = database;
  }

  /** Opens or creates the index in a folder. */
  static open(path: string): BlobIndex {
    return new BlobIndex(openLmdb(path));
  }

  record(oid: Oid): BlobRecord | undefined {
    const bytes = this.#database.get(blobKey('objectBlob', oid));
    return bytes === undefined ? undefined : decodeBlobRecord(bytes);
  }

  /** Content that is kept in the index. */
  content(oid: Oid): Buffer | undefined {
    return this.#database.get(blobKey('objectContent', oid));
  }

  /** Changes one blob's record, content and the totals together. `decide` may run later and must not await. */
  async change<T>(oid: Oid, decide: (current: BlobRecord | undefined) => BlobChange<T>): Promise<T> {
    return commit(this.#database, `the record of blob ${oid}`, () => {
      const current = this.record(oid);
      const change = decide(current);
      this.#write(oid, current, change);
      return change.result;
    });
  }

  // Inside a transaction lmdb-js writes at once; the promises it returns say nothing more.
  #write(oid: Oid, current: BlobRecord | undefined, { next, content }: BlobChange<unknown>): void {
    if (next !== current) {
      const key = blobKey('objectBlob', oid);
      if (next === undefined) void this.#database.remove(key);
      else void this.#database.put(key, encodeBlobRecord(next));
      void this.#database.put(totalsKey, encodeBlobTotals(countChange(this.totals(), current, next)));
    }
    if (content === undefined) return;
    const key = blobKey('objectContent', oid);
    if (content === null) void this.#database.remove(key);
    else void this.#database.put(key, Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }

  totals(): BlobTotals {
    const bytes = this.#database.get(totalsKey);
    return bytes === undefined ? noBlobs : decodeBlobTotals(bytes);
  }

  /** Blobs that are not in quarantine by position, wrapping around when `to` is below `from`. */
  list(from: bigint, to: bigint, cursor: Oid | undefined, pageSize: number): BlobPage {
    const entries: BlobInfo[] = [];
    for (const { start, end } of segments(from, to, cursor)) {
      for (const [oid, record] of this.#range(start, end)) {
        if (record.quarantined) continue;
        if (entries.length === pageSize) return { entries, nextCursor: entries.at(-1)?.oid };
        entries.push({ oid, size: record.size, storedAtMs: record.storedAtMs });
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

  /** Whether the last use ended by `close`; from now on it has not, until `close`. */
  async begin(): Promise<{ readonly wasClosedCleanly: boolean }> {
    const wasClosedCleanly = this.#database.doesExist(cleanCloseKey);
    if (wasClosedCleanly) {
      await commit(this.#database, 'the blob index', () => {
        void this.#database.remove(cleanCloseKey);
      });
    }
    return { wasClosedCleanly };
  }

  /** Closes without the mark of a clean close. */
  async abandon(): Promise<void> {
    await this.#database.close();
  }

  /** Waits for all changes and closes; the next `begin` learns that all went well. */
  async close(): Promise<void> {
    try {
      await commit(this.#database, 'the blob index', () => {
        void this.#database.put(cleanCloseKey, cleanCloseVersion);
      });
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
