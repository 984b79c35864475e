import { open } from 'node:fs/promises';
import { countPackObjects, findInPackIndex, type PackIndexBytes } from '../../git/pack-index.ts';
import { packPath } from './bare-repository.ts';

/** Number of objects in a pack of a repository. */
export function countObjects(repositoryPath: string, packName: string): Promise<number> {
  return withIndex(repositoryPath, packName, countPackObjects);
}

/** Those of the objects that the pack does not have. */
export function absentFromPack(
  repositoryPath: string,
  packName: string,
  objectIds: readonly string[],
): Promise<string[]> {
  return withIndex(repositoryPath, packName, async (index) => {
    const absent: string[] = [];
    for (const id of objectIds) if ((await findInPackIndex(index, id)) === undefined) absent.push(id);
    return absent;
  });
}

async function withIndex<T>(
  repositoryPath: string,
  packName: string,
  work: (index: PackIndexBytes) => Promise<T>,
): Promise<T> {
  const file = await open(packPath(repositoryPath, packName, 'idx'));
  try {
    return await work({
      read: async (offset, length) => (await file.read(Buffer.alloc(length), 0, length, offset)).buffer,
    });
  } finally {
    await file.close();
  }
}
