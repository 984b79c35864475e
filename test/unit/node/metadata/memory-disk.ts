import type { MetadataStore, StoreTransaction } from '../../../../src/node/metadata/metadata-store.ts';
import { SimDisk, SimMetadataStore } from '../../../sim/metadata/sim-disk.ts';
import { SimProcess } from '../../../sim/sim-process.ts';
import { simRandom } from '../../../sim/sim-random.ts';
import { SimWorld } from '../../../sim/sim-world.ts';

/** A store in memory whose commits get to disk when a test says so. */
export interface MemoryDisk {
  readonly disk: SimDisk;
  readonly store: MetadataStore;
  /** Syncs so far that carried something. */
  readonly syncs: () => number;
  /** Lets everything get to disk that was asked for, and what follows from it. */
  sync(): Promise<void>;
  /** Runs the work of the next commits, without their sync. */
  beginSync(): Promise<void>;
}

/** The simulator's disk, for a test that lets its time go on by hand; another store of the same disk is the next process. */
export function memoryDisk(disk = new SimDisk({ id: 'disk-1' })): MemoryDisk {
  const world = new SimWorld({ random: simRandom(1) });
  const process = new SimProcess({ name: 'm1', wallMs: 0 }, { world });
  const store = new SimMetadataStore({ disk, world, process });
  let syncs = 0;
  disk.onChange = (_disk, _before, _after, partitions) => {
    if (partitions.size > 0) syncs += 1;
  };
  return {
    disk,
    store,
    syncs: () => syncs,
    sync: async () => {
      await settled();
      while (await world.step()) await settled();
    },
    beginSync: async () => {
      await settled();
      await world.step();
    },
  };
}

/** Every promise that can go on has done so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Writes straight to a disk, as an earlier process has left it. */
export async function prepare(at: MemoryDisk, work: (transaction: StoreTransaction) => void): Promise<void> {
  const committed = at.store.commit(work);
  await at.sync();
  await committed;
}
