import type { Clock } from '../base/clock.ts';
import { asStratumError, assert, StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobIndex } from './blob-index.ts';
import type { PutFate } from './blob-store.ts';
import type { DiskSpace } from './disk-space.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { PinCounts } from './pin-counts.ts';

/** What a writer of small blobs shares with its store. */
export interface SmallBlobWriterModules {
  readonly clock: Clock;
  readonly index: BlobIndex;
  readonly files: BlobFiles;
  readonly space: DiskSpace;
  readonly locks: KeyedLock;
  /** Blobs that are being put: not to be deleted. */
  readonly beingPut: PinCounts;
}

/**
 * Puts small blobs in the index, a call a transaction. Needs no blob's turn: a delete that is under
 * way has its transaction before the put's, and a later one finds the blob pinned.
 */
export class SmallBlobWriter {
  readonly #modules: SmallBlobWriterModules;

  constructor(modules: SmallBlobWriterModules) {
    this.#modules = modules;
  }

  /** Puts one blob whose content `chunks` checks while it gives it. */
  async put(oid: Oid, size: number, chunks: AsyncIterable<Uint8Array>): Promise<{ readonly existed: boolean }> {
    const { beingPut, space } = this.#modules;
    beingPut.add(oid);
    try {
      // Before the first chunk: a sender is not to send what there is no room for.
      const release = await space.reserve(size);
      try {
        const content = Buffer.concat(await Array.fromAsync(chunks));
        const fate = (await this.#commit(new Map([[oid, content]]))).get(oid);
        assert(fate !== undefined, 'every blob that is put has a fate');
        if (fate instanceof StratumError) throw fate;
        return fate;
      } finally {
        release();
      }
    } finally {
      beingPut.remove(oid);
    }
  }

  /** Puts checked blobs; what fails for all of them is the fate of each. */
  async putMany(blobs: ReadonlyMap<Oid, Buffer>): Promise<ReadonlyMap<Oid, PutFate>> {
    if (blobs.size === 0) return new Map();
    const { beingPut, space } = this.#modules;
    let bytes = 0;
    for (const [oid, { length }] of blobs) {
      beingPut.add(oid);
      bytes += length;
    }
    try {
      const release = await space.reserve(bytes);
      try {
        return await this.#commit(blobs);
      } finally {
        release();
      }
    } catch (error) {
      const fate = asStratumError(error);
      return new Map([...blobs.keys()].map((oid) => [oid, fate]));
    } finally {
      for (const oid of blobs.keys()) beingPut.remove(oid);
    }
  }

  async #commit(blobs: ReadonlyMap<Oid, Buffer>): Promise<ReadonlyMap<Oid, PutFate>> {
    const { clock, index, files, locks } = this.#modules;
    const fates = new Map<Oid, PutFate>();
    for (const [oid, before] of await index.putMany(blobs, () => clock.nowMs())) {
      // In its turn: a reader may be about to open the file.
      if (before?.place === 'file') await locks.run(oid, () => files.remove(oid));
      fates.set(oid, { existed: before !== undefined && !before.quarantined });
    }
    return fates;
  }
}
