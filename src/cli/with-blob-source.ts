import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { StratumError, systemCode } from '../base/errors.ts';
import type { BlobSource } from '../replication/blob-source.ts';
import type { CommandIo } from './io.ts';

/**
 * Runs `work` with the content of a file, or of stdin for "-". Stdin is kept in a temporary file
 * meanwhile: each replica is sent the content at its own pace, and the id must be known before.
 */
export async function withBlobSource<T>(
  file: string,
  io: CommandIo,
  work: (source: BlobSource) => Promise<T>,
): Promise<T> {
  if (file !== '-') return work(await hashed(file, io));
  const folder = await mkdtemp(join(tmpdir(), 'stratum-put-'));
  try {
    const spool = join(folder, 'stdin');
    await pipeline(io.stdin, createWriteStream(spool), { signal: io.interrupted });
    return await work(await hashed(spool, io));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function hashed(path: string, io: CommandIo): Promise<BlobSource> {
  const { FileBlobSource } = await import('../replication/file-blob-source.ts');
  try {
    if (!(await stat(path)).isFile()) throw unreadable(path, 'it is not a file');
    return await FileBlobSource.fromFile(path, io.interrupted);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw new StratumError('NOT_FOUND', `there is no file ${path}`, { kind: 'file', id: path });
    if (code !== undefined && error instanceof Error && !(error instanceof StratumError)) {
      throw unreadable(path, error.message);
    }
    throw error;
  }
}

function unreadable(path: string, reason: string): StratumError {
  const details = { field: 'file', reason, expected: 'a file that can be read' };
  return new StratumError('INVALID_ARGUMENT', `cannot read ${path}: ${reason}`, details);
}
