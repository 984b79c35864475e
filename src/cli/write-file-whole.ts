import { createWriteStream } from 'node:fs';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StratumError, systemCode } from '../base/errors.ts';

/**
 * Writes a file that appears only when all of its content has come: an error of `chunks` leaves
 * what was there before. A link is followed; what is no regular file (a device, a pipe) is written
 * into and never replaced. INVALID_ARGUMENT when the file cannot be written.
 */
export async function writeFileWhole(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    const target = await targetOf(path);
    if (target.isReplaceable) await replaceFile(target.path, chunks);
    else await pipeline(Readable.from(chunks), createWriteStream(target.path, { flags: 'r+' }));
  } catch (error) {
    if (systemCode(error) === undefined || error instanceof StratumError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const details = { field: '--output', reason, expected: 'a file in a folder that can be written' };
    throw new StratumError('INVALID_ARGUMENT', `cannot write ${path}: ${reason}`, details, { cause: error });
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
