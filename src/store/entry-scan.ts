import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { temporaryFilePrefix, temporaryFileSuffix } from './durable-file.ts';
import { eachLimited } from './each-limited.ts';
import { EntryFile } from './entry-file.ts';
import { decodeFooter, footerBytes } from './entry-footer.ts';
import type { EntryRow } from './entry-index.ts';

/** Files that are looked at, or deleted, at a time: a disk that has to seek does better when it knows what comes next. */
export const filesAtOnceMax = 32;

const entryName = /^([0-9a-f]{64})-[0-9a-f]{16}$/;

/** The name of an entry's file; `unique` is 16 hex digits that no other file has. */
export function entryFileName(key: string, unique: string): string {
  return `${key}-${unique}`;
}

/** The name of the file while it is written: deleted at every start. */
export function unfinishedFileName(fileName: string): string {
  return `${temporaryFilePrefix}${fileName}${temporaryFileSuffix}`;
}

/**
 * Finds the entries of a folder by the footers of its files, the one that was not used for longest first. What was not
 * finished is deleted, and what has no good footer; files that are no entries by their names are left alone.
 */
export async function scanEntries(
  path: string,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<EntryRow[]> {
  const rows: EntryRow[] = [];
  await eachLimited(await readdir(path), filesAtOnceMax, async (name) => {
    const row = await lookAt(path, name, log);
    if (row === undefined) return;
    // A clock that was ahead must not keep an entry for ever.
    row.usedAtMs = Math.min(row.usedAtMs, clock.nowMs());
    rows.push(row);
  });
  return rows.sort((a, b) => a.usedAtMs - b.usedAtMs || a.facts.storedAtMs - b.facts.storedAtMs);
}

async function lookAt(path: string, name: string, log: Logger): Promise<EntryRow | undefined> {
  const key = entryName.exec(name)?.[1];
  const isUnfinished = name.startsWith(temporaryFilePrefix) && name.endsWith(temporaryFileSuffix);
  if (key === undefined && !isUnfinished) return undefined;
  const file = join(path, name);
  try {
    const row = key === undefined ? undefined : await readRow(file, name);
    if (row?.facts.key === key && row !== undefined) return row;
    if (key !== undefined) log.warn({ file }, 'a file of the cache is damaged: deleted');
    await rm(file, { force: true });
  } catch (error) {
    log.warn({ file, reason: explain(error) }, 'a file of the cache cannot be read or deleted: left alone');
  }
  return undefined;
}

async function readRow(path: string, fileName: string): Promise<EntryRow | undefined> {
  // Not a FileHandle, which costs twice the time.
  const file = await EntryFile.open(path);
  try {
    const { size, mtimeMs } = await file.stat();
    const footer = Buffer.alloc(footerBytes);
    if (size < footerBytes) return undefined;
    await file.read(footer, footerBytes, size - footerBytes);
    const facts = decodeFooter(footer, size);
    if (facts === undefined) return undefined;
    const usedAtMs = Math.max(facts.storedAtMs, Math.round(mtimeMs));
    return { facts, fileName, usedAtMs, keptUseAtMs: usedAtMs, checkedAtMs: undefined, file: undefined };
  } finally {
    file.release();
  }
}
