import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { adoptAllFiles } from './adopt-files.ts';
import { BlobFiles } from './blob-files.ts';
import { BlobIndex } from './blob-index.ts';
import { recoverBlobs } from './blob-recovery.ts';
import type { Durability } from './durability.ts';
import { syncFolder } from './durable-file.ts';
import type { StoreObserver } from './store-observer.ts';
import { type ReadBootId, UnsyncedMarker } from './unsynced-marker.ts';

/** Values of the parts of a disk blob store. */
export interface BlobPartsOptions {
  /** Folder of the store. */
  readonly path: string;
  readonly durability: Durability;
}

/** What the parts need. */
export interface BlobPartsModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly observer: StoreObserver;
  readonly readBootId: ReadBootId;
}

/** The parts of a disk blob store, which agree with each other. */
export interface BlobParts {
  readonly index: BlobIndex;
  readonly files: BlobFiles;
  readonly marker: UnsyncedMarker;
}

/** Opens or creates the parts of a store; after anything but a clean close, files and records are compared first. */
export async function openBlobParts(
  { path, durability }: BlobPartsOptions,
  modules: BlobPartsModules,
): Promise<BlobParts> {
  await mkdir(path, { recursive: true });
  const marker = new UnsyncedMarker({ folder: path }, modules);
  const wasUnsynced = await marker.check();
  if (durability === 'quorum') await marker.write();
  const files = new BlobFiles({ path, durability }, modules);
  await files.prepare();
  const indexPath = join(path, 'index');
  const index = BlobIndex.open({ path: indexPath, durability }, modules);
  try {
    // LMDB puts its file on disk, not the folders that lead to it.
    for (const folder of [indexPath, path, dirname(path)]) await syncFolder(folder);
    const lastUse = await index.begin();
    if (lastUse === 'none') await adoptAllFiles({ ...modules, index, files });
    if (lastUse === 'unclean') await recoverBlobs(index, files, modules);
    if (wasUnsynced) {
      // Which files the process before this one had not put on disk yet, it took with it.
      await files.syncAll();
      await index.flush();
      if (durability !== 'quorum') await marker.remove();
    }
  } catch (error) {
    await index.abandon();
    throw error;
  }
  return { index, files, marker };
}
