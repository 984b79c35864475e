import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import type { RefSnapshot } from '../../git/ref-snapshot.ts';
import { syncFolder, temporaryFilePrefix, temporaryFileSuffix } from '../../store/durable-file.ts';

/** The files of one pack in the order in which they may appear: git takes a pack for whole when its index is there. */
export const packExtensions = ['pack', 'rev', 'bitmap', 'idx'] as const;

/** The files of a bare repository beside its packs. */
export const topFiles = ['config', 'HEAD', 'packed-refs'] as const;

/** Names of files that are being written: ours, those of git, and the temporary shallow files of upload-pack. */
const leftoverPrefixes = [temporaryFilePrefix, 'tmp_', 'shallow_'];

let writes = 0;

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
  if (!(await exists(join(path, 'HEAD')))) await replaceFile(join(path, 'HEAD'), 'ref: refs/heads/main\n');
}

/** Replaces all refs at once, then HEAD. */
export async function writeRefs(path: string, snapshot: RefSnapshot): Promise<void> {
  const lines = ['# pack-refs with: peeled fully-peeled sorted \n'];
  for (const ref of snapshot.refs) {
    lines.push(`${ref.objectId} ${ref.name}\n`);
    if (ref.peeledId !== '') lines.push(`^${ref.peeledId}\n`);
  }
  await replaceFile(join(path, 'packed-refs'), lines.join(''));
  await writeIfDifferent(join(path, 'HEAD'), `ref: ${snapshot.head}\n`);
}

/** Borrows the objects and refs of another repository, as they are now. */
export async function borrowFrom(path: string, basePath: string): Promise<void> {
  await replaceFile(join(path, 'objects', 'info', 'alternates'), `${join(basePath, 'objects')}\n`);
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

/** The files that a pack may have, as paths below the repository's folder. */
export function packFileNames(name: string): string[] {
  return packExtensions.map((extension) => packPath('', name, extension));
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

/** Puts the content of a pack's files on disk. Files that the pack does not have, or not any more, need none. */
export async function syncPack(path: string, name: string): Promise<void> {
  for (const extension of packExtensions) {
    try {
      const file = await open(packPath(path, name, extension), 'r');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
    }
  }
}

/** Deletes a pack; its index first, so that git never sees an index without its pack. */
export async function removePack(path: string, name: string): Promise<void> {
  for (const extension of packExtensions.toReversed()) await rm(packPath(path, name, extension), { force: true });
}

/** Deletes what an interrupted write, download or git left, packs without an index among it. */
export async function removeLeftovers(path: string): Promise<void> {
  const packs = join(path, 'objects', 'pack');
  for (const folder of [path, packs, join(path, 'objects', 'info')]) {
    for (const file of await readdir(folder).catch(noEntries)) {
      if (leftoverPrefixes.some((prefix) => file.startsWith(prefix))) {
        await rm(join(folder, file), { force: true, recursive: true });
      }
    }
  }
  const files = new Set(await readdir(packs).catch(noEntries));
  for (const file of files) {
    const stem = /^(pack-[0-9a-f]+)\.(?:pack|rev|bitmap)$/.exec(file)?.[1];
    if (stem !== undefined && !files.has(`${stem}.idx`)) await rm(join(packs, file), { force: true, recursive: true });
  }
}

/**
 * Deletes what does not belong into a repository of ours: loose refs and objects, borrowed objects,
 * reflogs, grafts. What running processes have in it for a moment stays. Returns how many things went.
 */
export async function removeForeign(path: string): Promise<number> {
  const foreign = await Promise.all([
    strangersIn(path, (name) => name === 'objects' || name === 'refs' || topFiles.some((file) => file === name)),
    strangersIn(join(path, 'refs'), () => false),
    strangersIn(join(path, 'objects'), (name) => name === 'pack' || name === 'info'),
    strangersIn(join(path, 'objects', 'info'), () => false),
    strangersIn(join(path, 'objects', 'pack'), (name) => /^(pack-[0-9a-f]+\.|multi-pack-index)/.test(name)),
  ]);
  const paths = foreign.flat();
  for (const found of paths) await rm(found, { force: true, recursive: true });
  return paths.length;
}

async function strangersIn(folder: string, belongs: (name: string) => boolean): Promise<string[]> {
  const names = await readdir(folder).catch(noEntries);
  const isTemporary = (name: string) => leftoverPrefixes.some((prefix) => name.startsWith(prefix));
  return names.filter((name) => !belongs(name) && !isTemporary(name)).map((name) => join(folder, name));
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
  if (current !== text) await replaceFile(path, text);
}

/**
 * Replaces a file at once, without waiting for the disk: a reader sees the old content or the new,
 * and after a crash the first update of the next process writes these files anew.
 */
async function replaceFile(path: string, text: string): Promise<void> {
  writes += 1;
  const name = `${temporaryFilePrefix}${basename(path)}.${process.pid}-${writes}${temporaryFileSuffix}`;
  const temporary = join(dirname(path), name);
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // The write's own error says more.
    throw error;
  }
}
