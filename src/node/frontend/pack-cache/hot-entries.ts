import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { explain, StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { MiB } from '../../../base/units.ts';
import type { EntryReader } from '../../../store/stored-entry.ts';

/** Largest share of the bound that one entry may take: a full clone of a middling repository, with room for others beside it. */
const entryShareMax = 0.5;

/** The hit from which on an entry is hot. */
const hotFromHits = 2;

/** Keys of which hits are counted. */
const countedMax = 10_000;

/** Bytes of a read while an entry is loaded. */
const pieceBytes = MiB;

/** A copy in memory that is being sent; it counts as used until `release`. */
export interface LentCopy {
  readonly content: Buffer;
  release(): void;
}

/** A copy, how many use it, and whether it is still kept. */
interface Copy {
  readonly content: Buffer;
  users: number;
  isKept: boolean;
}

/**
 * Copies in memory of the entries that are asked for most. Copies that were dropped while a slow reader has them count
 * as well, so that all together take at most twice the bound.
 */
export class HotEntries {
  readonly #bytesMax: number;
  readonly #log: Logger;
  readonly #hits = new LRUCache<string, number>({ max: countedMax });
  readonly #copies: LRUCache<string, Copy>;
  #lentBytes = 0;
  #loading: Promise<void> | undefined;

  constructor({ bytesMax }: { readonly bytesMax: number }, { log }: { readonly log: Logger }) {
    this.#bytesMax = bytesMax;
    this.#log = log;
    this.#copies = new LRUCache<string, Copy>({
      maxSize: Math.max(1, bytesMax),
      sizeCalculation: ({ content }) => content.length,
      dispose: (copy) => {
        copy.isKept = false;
        if (copy.users > 0) this.#lentBytes += copy.content.length;
      },
    });
  }

  get entries(): number {
    return this.#copies.size;
  }

  /** Bytes of the copies that are kept. */
  get bytes(): number {
    return this.#copies.calculatedSize;
  }

  /** Resolves when nothing is being loaded. */
  get idle(): Promise<void> {
    return this.#loading ?? Promise.resolve();
  }

  /** The copy of an entry, which must be released; undefined when there is none. */
  lend(key: string): LentCopy | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined) return undefined;
    copy.users += 1;
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      copy.users -= 1;
      if (copy.users === 0 && !copy.isKept) this.#lentBytes -= copy.content.length;
    };
    return { content: copy.content, release };
  }

  /** Whether there is a copy. */
  has(key: string): boolean {
    return this.#copies.has(key);
  }

  /** An entry was read from disk; when that happens again, it is loaded. One at a time: the next hit asks again. */
  noteHit(key: string, sizeBytes: number, open: () => EntryReader | undefined): void {
    const hits = (this.#hits.get(key) ?? 0) + 1;
    this.#hits.set(key, hits);
    if (hits < hotFromHits || this.#loading !== undefined || sizeBytes === 0) return;
    if (sizeBytes > this.#bytesMax * entryShareMax || sizeBytes + this.#lentBytes > this.#bytesMax) return;
    const reader = open();
    if (reader === undefined) return;
    this.#loading = this.#load(key, reader).finally(() => {
      this.#loading = undefined;
    });
  }

  /** Drops the copy of an entry; who has it goes on. */
  drop(key: string): void {
    this.#hits.delete(key);
    this.#copies.delete(key);
  }

  async #load(key: string, reader: EntryReader): Promise<void> {
    const { sizeBytes, crc32: expected } = reader.entry;
    try {
      const content = Buffer.allocUnsafeSlow(sizeBytes);
      let checksum = 0;
      for (let at = 0; at < sizeBytes; ) {
        const bytes = await reader.read(content.subarray(at, at + pieceBytes), at);
        checksum = crc32(content.subarray(at, at + bytes), checksum);
        at += bytes;
      }
      if (checksum !== expected) {
        const details = { oid: key, expected: String(expected), got: String(checksum) };
        throw new StratumError('CHECKSUM_MISMATCH', `cache entry ${key} is damaged`, details);
      }
      // Dropped meanwhile: it is not to come back.
      if (this.#hits.has(key)) this.#copies.set(key, { content, users: 0, isKept: true });
    } catch (error) {
      this.#log.warn({ key, reason: explain(error) }, 'a cache entry could not be loaded');
    } finally {
      reader.release();
    }
  }
}
