import { link, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import type { RefSnapshot } from '../../git/ref-snapshot.ts';
import { syncFolder, temporaryFilePrefix, writeFileDurably } from '../../store/durable-file.ts';

/** The files of one pack in the order in which they may appear: git takes a pack for whole when its index is there. */
export const packExtensions = ['pack', 'rev', 'bitmap', 'idx'] as const;

/**
 * A bare repository on disk with nothing in it that git needs not: config, HEAD, packed-refs,
 * objects/pack. `sha256` is an extension that only format version 1 knows.
 */
export async function createBareRepository(path: string, format: ObjectFormat): Promise<void> {
  await mkdir(join(path, 'objects', 'pack'), { recursive: true });
  await mkdir(join(path, 'objects', 'info'), { recursive: true });
  await mkdir(join(path, 'refs'), { recursive: true });
  await writeIfDifferent(join(path, 'config'), configText(format));
  // Git takes a folder without HEAD for no repository at all.
  if (!(await exists(join(path, 'HEAD')))) await writeFileDurably(join(path, 'HEAD'), 'ref: refs/heads/main\n');
}

/** Replaces all refs at once, then HEAD. */
export async function writeRefs(path: string, snapshot: RefSnapshot): Promise<void> {
  const lines = ['# pack-refs with: peeled fully-peeled sorted \n'];
  for (const ref of snapshot.refs) {
    lines.push(`${ref.objectId} ${ref.name}\n`);
    if (ref.peeledId !== '') lines.push(`^${ref.peeledId}\n`);
  }
  await writeFileDurably(join(path, 'packed-refs'), lines.join(''));
  await writeIfDifferent(join(path, 'HEAD'), `ref: ${snapshot.head}\n`);
}

/** Borrows the objects and refs of another repository, as they are now. */
export async function borrowFrom(path: string, basePath: string): Promise<void> {
  await writeFileDurably(join(path, 'objects', 'info', 'alternates'), `${join(basePath, 'objects')}\n`);
  try {
    // The file is only ever replaced, never written in place, so the link keeps this moment's refs.
    await link(join(basePath, 'packed-refs'), join(path, 'packed-refs'));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error; // A base without refs has no file.
  }
}

/** Names of the packs ("pack-<hex>" without the prefix) that have an index. */
export async function listPackNames(path: string): Promise<Set<string>> {
  const files = await readdir(join(path, 'objects', 'pack'));
  return new Set(files.flatMap((file) => /^pack-([0-9a-f]+)\.idx$/.exec(file)?.[1] ?? []));
}

/** The path of a pack's file. */
export function packPath(path: string, name: string, extension: (typeof packExtensions)[number]): string {
  return join(path, 'objects', 'pack', `pack-${name}.${extension}`);
}

/** Hard-links the files of a pack from one repository to another on the same file system. */
export async function linkPack(name: string, from: string, to: string): Promise<void> {
  for (const extension of packExtensions) {
    try {
      await link(packPath(from, name, extension), packPath(to, name, extension));
    } catch (error) {
      // Not every pack has every file, and another push may have brought the same pack.
      if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'EEXIST') throw error;
    }
  }
  await syncFolder(join(to, 'objects', 'pack'));
}

/** Deletes a pack; its index first, so that git never sees an index without its pack. */
export async function removePack(path: string, name: string): Promise<void> {
  for (const extension of packExtensions.toReversed()) await rm(packPath(path, name, extension), { force: true });
}

/** Deletes what an interrupted write or download left. */
export async function removeLeftovers(path: string): Promise<void> {
  for (const folder of [path, join(path, 'objects', 'pack'), join(path, 'objects', 'info')]) {
    for (const file of await readdir(folder).catch(noEntries)) {
      if (file.startsWith(temporaryFilePrefix) || file.startsWith('tmp_')) {
        await rm(join(folder, file), { force: true, recursive: true });
      }
    }
  }
}

/** The size of a file in bytes; undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function noEntries(error: unknown): string[] {
  if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
  throw error;
}

function configText(format: ObjectFormat): string {
  return format === 'sha1'
    ? '[core]\n\trepositoryformatversion = 0\n\tbare = true\n'
    : '[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n';
}

async function exists(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined;
}

async function writeIfDifferent(path: string, text: string): Promise<void> {
  const current = await readFile(path, 'utf8').catch(() => undefined); // Unreadable is different.
  if (current !== text) await writeFileDurably(path, text);
}
