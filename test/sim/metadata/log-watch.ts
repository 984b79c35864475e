import { crc32 } from 'node:zlib';
import type { StoreReader } from '../../../src/node/metadata/metadata-store.ts';
import { decodeRecord, positionOfRecord } from '../../../src/node/metadata/replication/log-record.ts';
import { readHeader } from '../../../src/node/metadata/replication/partition-header.ts';
import type { SimDisk } from './sim-disk.ts';

/** What must never happen has happened. */
export class MetadataViolation extends Error {}

/** Where a push stands in a log. */
interface PushEntry {
  readonly epoch: bigint;
  readonly index: bigint;
}

/**
 * Sees every change of every disk and holds the replicas to what a replicated log promises: one content for an epoch and an
 * index (one primary an epoch, invariant 4), one entry at an index that anybody has applied (invariants 2 and 8), and
 * nothing that was applied is ever taken back.
 */
export class LogWatch {
  readonly #fail: (message: string) => void;
  /** Checksum of the content by partition, epoch and index. */
  readonly #contents = new Map<string, number>();
  /** Epoch of the entry that was applied, by partition and index. */
  readonly #applied = new Map<string, bigint>();
  readonly #pushes = new Map<string, PushEntry[]>();

  constructor(modules: { readonly fail: (message: string) => void }) {
    this.#fail = modules.fail;
  }

  /** Entries that were applied somewhere. */
  get appliedCount(): number {
    return this.#applied.size;
  }

  changed(disk: SimDisk, before: StoreReader, after: StoreReader, partitions: ReadonlySet<number>): void {
    for (const partition of partitions) this.#changedPartition(disk, before, after, partition);
  }

  /** Whether a push has its place in a disk's log, or was in it before the log's begin. */
  holds(disk: SimDisk, partition: number, pushId: string): boolean {
    const reader = disk.reader();
    const { applied, isPartial } = readHeader(reader, partition);
    const places = this.#pushes.get(`${partition} ${pushId}`) ?? [];
    return places.some(({ epoch, index }) => {
      // An entry that is trimmed off the log in the commit that applies it is never seen as applied: only others at its place tell.
      if (!isPartial && index <= applied.index) return (this.#applied.get(`${partition} ${index}`) ?? epoch) === epoch;
      for (const { index: found, record } of reader.records(partition, index)) {
        return found === index && positionOfRecord(record).epoch === epoch;
      }
      return false;
    });
  }

  #changedPartition(disk: SimDisk, before: StoreReader, after: StoreReader, partition: number): void {
    const was = readHeader(before, partition);
    const is = readHeader(after, partition);
    if (is.applied.index < was.applied.index && !is.isPartial && after.header(partition) !== undefined) {
      this.#fail(
        `${disk.id} takes back what it has applied of partition ${partition}: ${was.applied.index}, then ${is.applied.index}`,
      );
    }
    let last = was.isPartial ? 0n : was.applied.index;
    for (const { index, record } of after.records(partition, last + 1n)) {
      const { epoch } = positionOfRecord(record);
      this.#see(disk, partition, { epoch, index }, record);
      if (index <= is.applied.index && !is.isPartial) this.#seeApplied(disk, partition, { epoch, index });
      last = index;
    }
    if (!is.isPartial && is.applied.index > 0n) this.#seeApplied(disk, partition, is.applied);
  }

  #see(disk: SimDisk, partition: number, { epoch, index }: PushEntry, record: Buffer): void {
    const key = `${partition} ${epoch} ${index}`;
    const content = crc32(record);
    const known = this.#contents.get(key);
    if (known === undefined) {
      this.#contents.set(key, content);
      const { operation } = decodeRecord(record);
      if (operation?.$case !== 'updateRefs') return;
      const push = `${partition} ${Buffer.from(operation.value.pushId).toString('hex')}`;
      this.#pushes.set(push, [...(this.#pushes.get(push) ?? []), { epoch, index }]);
    } else if (known !== content) {
      this.#fail(
        `partition ${partition} has two entries at epoch ${epoch}, index ${index}: the other is on ${disk.id} (invariant 4)`,
      );
    }
  }

  #seeApplied(disk: SimDisk, partition: number, { epoch, index }: PushEntry): void {
    const key = `${partition} ${index}`;
    const known = this.#applied.get(key);
    if (known === undefined) this.#applied.set(key, epoch);
    else if (known !== epoch) {
      this.#fail(
        `${disk.id} has applied epoch ${epoch} at index ${index} of partition ${partition}, others epoch ${known} (invariant 4)`,
      );
    }
  }
}
