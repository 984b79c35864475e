import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StratumError } from '../../base/errors.ts';
import { type Oid, oidFromBytes } from '../../base/oid.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { packPath, sizeOf } from './bare-repository.ts';

/** One file of a pack and the blob that it is a copy of. */
export interface PackFile {
  readonly path: string;
  readonly oid: Oid;
  readonly sizeBytes: number;
}

/** The files of a pack in the order in which they may appear, those that the pack has. */
export function packFilesOf(repositoryPath: string, pack: PackRef): PackFile[] {
  const files = [
    ['pack', pack.packOid, pack.packSize],
    ['rev', pack.reverseIndexOid, pack.reverseIndexSize],
    ['bitmap', pack.bitmapOid, pack.bitmapSize],
    ['idx', pack.indexOid, pack.indexSize],
  ] as const;
  return files
    .filter(([, oid]) => oid.length > 0)
    .map(([extension, oid, size]) => ({
      path: packPath(repositoryPath, pack.name, extension),
      oid: oidFromBytes(oid, 'pack list'),
      sizeBytes: Number(size),
    }));
}

/** Whether the file is there with its size, and with its content where `content` asks to hash it. */
export async function isIntact(file: PackFile, check: 'size' | 'content', signal: AbortSignal): Promise<boolean> {
  if ((await sizeOf(file.path)) !== file.sizeBytes) return false;
  if (check === 'size') return true;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file.path, { signal, highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex') === file.oid;
}

/**
 * Copies a blob to its file: temporary file, SHA-256 while it streams, fsync, rename. A file that
 * was there is replaced. CHECKSUM_MISMATCH when the bytes are not the blob's.
 */
export async function downloadFile(file: PackFile, objects: ObjectApi, signal: AbortSignal): Promise<void> {
  const temporary = join(dirname(file.path), `tmp_${file.oid}`);
  const hash = createHash('sha256');
  try {
    const output = await open(temporary, 'w', 0o444);
    try {
      const blob = await objects.get(file.oid, undefined, { signal });
      for await (const chunk of blob.chunks) {
        hash.update(chunk);
        await writeAll(output, chunk);
      }
      await output.sync();
    } finally {
      await output.close();
    }
    const got = hash.digest('hex');
    if (got !== file.oid) throw mismatch(file, got);
    await rename(temporary, file.path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeAll(output: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await output.write(chunk, at)).bytesWritten;
}

function mismatch(file: PackFile, got: string): StratumError<'CHECKSUM_MISMATCH'> {
  const details = { oid: file.oid, expected: file.oid, got };
  return new StratumError('CHECKSUM_MISMATCH', `blob ${file.oid} arrived with other content`, details);
}
