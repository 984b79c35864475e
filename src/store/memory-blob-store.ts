import type { Clock } from '../base/clock.ts';
import { asStratumError } from '../base/errors.ts';
import { type Oid, oidOf, positionOf } from '../base/oid.ts';
import { blobNotFound } from './blob-errors.ts';
import { readRange } from './blob-range.ts';
import type {
  BlobInfo,
  BlobPage,
  BlobPresence,
  BlobStore,
  BlobStoreStats,
  PutFate,
  SmallBlob,
  SmallBlobAnswer,
} from './blob-store.ts';
import { checkedContent, damagedCopy } from './checked-content.ts';
import { diskFull } from './disk-error.ts';
import { PinCounts } from './pin-counts.ts';
import { readWhole, tooLarge } from './read-whole.ts';
import { singleChunk } from './single-chunk.ts';

interface MemoryBlob {
  readonly content: Buffer;
  readonly storedAtMs: number;
  readonly quarantined: boolean;
}

/** Values of a blob store in memory. */
export interface MemoryBlobStoreOptions {
  /** Bytes of all blobs. */
  readonly capacityBytes: number;
}

/** A blob store in memory, for tests and simulation; the same contract as the one on disk, durability apart. */
export class MemoryBlobStore implements BlobStore {
  readonly #capacityBytes: number;
  readonly #clock: Clock;
  readonly #blobs = new Map<Oid, MemoryBlob>();
  readonly #beingPut = new PinCounts();

  constructor(options: MemoryBlobStoreOptions, modules: { readonly clock: Clock }) {
    this.#capacityBytes = options.capacityBytes;
    this.#clock = modules.clock;
  }

  async put(oid: Oid, size: number, chunks: AsyncIterable<Uint8Array>): Promise<{ readonly existed: boolean }> {
    this.#beingPut.add(oid);
    try {
      const isNew = this.#good(oid) === undefined;
      const { freeBytes } = await this.stats();
      if (isNew && size > freeBytes) {
        throw diskFull(`blob ${oid}`, { limit: BigInt(this.#capacityBytes), actual: BigInt(freeBytes) });
      }
      const content = Buffer.concat(await Array.fromAsync(checkedContent(oid, size, chunks)));
      const existed = this.#good(oid) !== undefined;
      this.#blobs.set(oid, { content, storedAtMs: this.#clock.nowMs(), quarantined: false });
      return { existed };
    } finally {
      this.#beingPut.remove(oid);
    }
  }

  putMany(blobs: readonly SmallBlob[]): Promise<readonly PutFate[]> {
    return Promise.all(
      blobs.map(({ oid, content }) => this.put(oid, content.length, singleChunk(content)).catch(asStratumError)),
    );
  }

  async stat(oid: Oid): Promise<BlobInfo | undefined> {
    const blob = this.#good(oid);
    return blob === undefined ? undefined : info(oid, blob);
  }

  async presence(oid: Oid): Promise<BlobPresence> {
    const blob = this.#blobs.get(oid);
    if (blob === undefined) return 'MISSING';
    return blob.quarantined ? 'CORRUPT' : 'PRESENT';
  }

  async read(oid: Oid, offset = 0, length?: number): Promise<{ size: number; chunks: AsyncIterable<Buffer> }> {
    const blob = this.#blobs.get(oid);
    if (blob === undefined) throw blobNotFound(oid);
    if (blob.quarantined) throw damagedCopy(oid, 'found earlier');
    const { content } = blob;
    const range = readRange(oid, content.length, offset, length);
    if (range.length === content.length && (await this.verify(oid)) === 'CORRUPT') {
      throw damagedCopy(oid, oidOf(content));
    }
    const part = content.subarray(range.offset, range.offset + range.length);
    return { size: content.length, chunks: singleChunk(part) };
  }

  async getMany(oids: readonly Oid[], bytesMax: number): Promise<readonly SmallBlobAnswer[]> {
    const answers: SmallBlobAnswer[] = [];
    let bytes = 0;
    for (const oid of oids) {
      const info = await this.stat(oid);
      if (info !== undefined && bytes + info.size > bytesMax) {
        if (answers.length === 0) throw tooLarge(info, bytesMax);
        break;
      }
      const answer = await readWhole(this, oid);
      bytes += answer.presence === 'PRESENT' ? answer.content.length : 0;
      answers.push(answer);
    }
    return answers;
  }

  async verify(oid: Oid): Promise<BlobPresence> {
    const blob = this.#blobs.get(oid);
    if (blob !== undefined && oidOf(blob.content) !== oid) this.#blobs.set(oid, { ...blob, quarantined: true });
    return this.presence(oid);
  }

  async delete(oid: Oid, storedBeforeMs?: number): Promise<boolean> {
    const blob = this.#blobs.get(oid);
    if (blob === undefined || this.#beingPut.has(oid)) return false;
    if (storedBeforeMs !== undefined && blob.storedAtMs >= storedBeforeMs) return false;
    return this.#blobs.delete(oid);
  }

  async list(from: bigint, to: bigint, cursor: Oid | undefined, pageSize: number): Promise<BlobPage> {
    // Distance from the start of the range, so that a range that wraps around is one like any other.
    const distance = (oid: Oid) => BigInt.asUintN(64, positionOf(oid) - from);
    const last = BigInt.asUintN(64, to - from);
    const after = (oid: Oid) => cursor === undefined || compare(cursor, oid, distance) < 0;
    const found = [...this.#blobs]
      .filter(([oid]) => distance(oid) <= last && after(oid))
      .toSorted(([a], [b]) => compare(a, b, distance));
    const entries = found.slice(0, pageSize).map(([oid, blob]) => {
      return { ...info(oid, blob), presence: blob.quarantined ? 'CORRUPT' : 'PRESENT' } as const;
    });
    return { entries, nextCursor: found.length > pageSize ? entries.at(-1)?.oid : undefined };
  }

  async stats(): Promise<BlobStoreStats> {
    const blobs = [...this.#blobs.values()];
    const good = blobs.filter((blob) => !blob.quarantined);
    const storedBytes = good.reduce((sum, blob) => sum + blob.content.length, 0);
    return {
      blobCount: good.length,
      storedBytes,
      quarantinedCount: blobs.length - good.length,
      freeBytes: this.#capacityBytes - storedBytes,
      capacityBytes: this.#capacityBytes,
    };
  }

  async close(): Promise<void> {
    this.#blobs.clear();
  }

  /** Changes one byte of a copy, as a failing disk would. */
  damage(oid: Oid): void {
    const blob = this.#blobs.get(oid);
    if (blob === undefined) return;
    const content = Buffer.from(blob.content);
    content[0] = (content[0] ?? 0) ^ 1;
    this.#blobs.set(oid, { ...blob, content });
  }

  #good(oid: Oid): MemoryBlob | undefined {
    const blob = this.#blobs.get(oid);
    return blob?.quarantined === false ? blob : undefined;
  }
}

function info(oid: Oid, blob: MemoryBlob): BlobInfo {
  return { oid, size: blob.content.length, storedAtMs: blob.storedAtMs };
}

function compare(a: Oid, b: Oid, distance: (oid: Oid) => bigint): number {
  const [left, right] = [distance(a), distance(b)];
  if (left !== right) return left < right ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
