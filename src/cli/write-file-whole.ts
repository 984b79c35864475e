import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StratumError, systemCode } from '../base/errors.ts';

/**
 * Writes a file that appears only when all of its content has come: an error of `chunks` leaves
 * what was there before. INVALID_ARGUMENT when the file cannot be written.
 */
export async function writeFileWhole(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    await pipeline(Readable.from(chunks), createWriteStream(temporary, { flush: true }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // The first error says more.
    if (systemCode(error) === undefined || error instanceof StratumError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const details = { field: '--output', reason, expected: 'a file in a folder that can be written' };
    throw new StratumError('INVALID_ARGUMENT', `cannot write ${path}: ${reason}`, details, { cause: error });
  }
}
