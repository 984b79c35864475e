import { createWriteStream } from 'node:fs';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StratumError, systemCode } from '../base/errors.ts';
import { isFull, systemReason, writeFailure } from './write-failure.ts';

/**
 * Writes a file that appears only when all of its content has come: an error of `chunks` leaves
 * what was there before. A link is followed; what is no regular file (a device, a pipe) is written
 * into and never replaced. INVALID_ARGUMENT when the file cannot be written, DISK_FULL for want of room.
 */
export async function writeFileWhole(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    if (path === '') throw Object.assign(new Error('it is no name of a file'), { code: 'ENOENT' });
    const target = await targetOf(path);
    if (target.isReplaceable) await replaceFile(target.path, chunks);
    else await pipeline(Readable.from(chunks), createWriteStream(target.path, { flags: 'r+' }));
  } catch (error) {
    if (!(error instanceof Error) || systemCode(error) === undefined || error instanceof StratumError) throw error;
    if (isFull(error)) throw writeFailure(path, error);
    const reason = await reasonOf(path, error);
    const details = { field: '--output', reason, expected: 'a file in a folder that can be written' };
    throw new StratumError('INVALID_ARGUMENT', `cannot write ${JSON.stringify(path)}: ${reason}`, details, {
      cause: error,
    });
  }
}

/** Where the path leads, and whether a new file may take the place of what is there. */
async function targetOf(path: string): Promise<{ readonly path: string; readonly isReplaceable: boolean }> {
  try {
    const real = await realpath(path);
    const found = await stat(real);
    if (found.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
    return { path: real, isReplaceable: found.isFile() };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { path, isReplaceable: true };
    throw error;
  }
}

/** Why the file could not be written, in words about the path that was given. */
async function reasonOf(path: string, error: Error): Promise<string> {
  const folder = dirname(path);
  if (path === '' || systemCode(error) !== 'ENOENT') return systemReason(error);
  const isThere = await stat(folder).then(
    () => true,
    () => false, // Whatever hides it: nothing can be written there.
  );
  return isThere ? systemReason(error) : `there is no folder ${folder}`;
}

async function replaceFile(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    await pipeline(Readable.from(chunks), createWriteStream(temporary, { flush: true }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // The first error says more.
    throw error;
  }
}
