import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StratumError } from '../base/errors.ts';
import { writeFileDurably } from './durable-file.ts';

/** The file that an LMDB environment keeps its data in. */
const databaseFileName = 'data.mdb';

/**
 * Refuses a data folder that has lost one of its stores (a mount that is missing, a folder that was removed): the node would
 * come back under the identity of its disk, with nothing, and be believed. `noteStore` says when there is one. DATA_CORRUPT.
 */
export function assertStoreKept(folder: string, name: string): void {
  const path = join(folder, name, databaseFileName);
  if (!existsSync(markerOf(folder, name)) || existsSync(path)) return;
  throw new StratumError('DATA_CORRUPT', `${path} is missing, and this node has written to it before`, undefined, {
    hint: 'bring it back (is the disk mounted?), or start this node with an empty data folder: it then fetches what it lacks',
  });
}

/** From now on the folder has the store. */
export async function noteStore(folder: string, name: string): Promise<void> {
  if (!existsSync(markerOf(folder, name))) await writeFileDurably(markerOf(folder, name), `${name}\n`);
}

function markerOf(folder: string, name: string): string {
  return join(folder, `${name}.made`);
}
