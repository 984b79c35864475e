import { open } from 'node:fs/promises';
import type { Oid } from '../../src/base/oid.ts';
import { MiB } from '../../src/base/units.ts';
import type { Durability } from '../../src/store/durability.ts';
import { blobKey } from '../../src/store/keys.ts';
import { openLmdb } from '../../src/store/lmdb-environment.ts';
import { MemoryBlobStore } from '../../src/store/memory-blob-store.ts';
import { manualClock } from '../unit/base/manual-clock.ts';
import { blobFile, openStore, temporaryFolder } from '../unit/store/sample-blobs.ts';
import { type BlobStorePlace, describeBlobStore } from './blob-store.ts';
import { describeBlobStoreBatches } from './blob-store-batches.ts';
import { describeBlobStoreModel } from './blob-store-model.ts';

const inMemory = async (): Promise<BlobStorePlace> => {
  const clock = manualClock();
  const store = new MemoryBlobStore({ capacityBytes: 64 * MiB }, { clock });
  return { store, clock, damage: async (oid) => store.damage(oid), remove: () => store.close() };
};

const onDisk = (durability: Durability) => async (): Promise<BlobStorePlace> => {
  const folder = await temporaryFolder();
  const { store, clock } = await openStore(folder.path, { durability });
  return {
    store,
    clock,
    damage: async (oid) => ((await damageFile(folder.path, oid)) ? undefined : damageIndexed(folder.path, oid)),
    remove: async () => {
      await store.close();
      await folder.remove();
    },
  };
};

const places = [
  { name: 'MemoryBlobStore', open: inMemory, modelRuns: 200 },
  { name: 'DiskBlobStore', open: onDisk('disk'), modelRuns: 25 },
  { name: 'DiskBlobStore with durability quorum', open: onDisk('quorum'), modelRuns: 25 },
];
for (const { name, open: openPlace, modelRuns } of places) {
  describeBlobStore(name, openPlace);
  describeBlobStoreBatches(name, openPlace);
  describeBlobStoreModel(name, openPlace, modelRuns);
}

/** Turns over a bit in the middle of a blob's file; false when there is none. */
async function damageFile(storePath: string, oid: Oid): Promise<boolean> {
  const file = await open(blobFile(storePath, oid), 'r+').catch(() => undefined);
  if (file === undefined) return false;
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, size >> 1);
  await file.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, size >> 1);
  await file.close();
  return true;
}

/** The same in the index, through an environment of its own. */
async function damageIndexed(storePath: string, oid: Oid): Promise<void> {
  const database = openLmdb(`${storePath}/index`);
  const key = blobKey('objectContent', oid);
  const content = Buffer.from(database.get(key) ?? []);
  // The last byte: the first ones are the version and the checksum.
  content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1);
  await database.put(key, content);
  await database.close();
}
