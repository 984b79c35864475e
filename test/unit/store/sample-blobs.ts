import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { KiB } from '../../../src/base/units.ts';
import { DiskBlobStore, type DiskBlobStoreOptions } from '../../../src/store/disk-blob-store.ts';
import type { MeasureDisk } from '../../../src/store/disk-space.ts';
import type { StoreObserver } from '../../../src/store/store-observer.ts';
import type { ReadBootId } from '../../../src/store/unsynced-marker.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../base/recording-log.ts';

/** Content of a size that differs by its seed. */
export function contentOf(bytes: number, seed = 1): Buffer {
  const content = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index += 1) content[index] = (index * 31 + seed * 7 + (index >> 8)) & 0xff;
  return content;
}

/** Content as a stream of chunks. */
export async function* chunksOf(content: Uint8Array, chunkBytes = 16 * KiB): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < content.length; offset += chunkBytes) {
    yield Buffer.from(content.subarray(offset, offset + chunkBytes));
  }
}

/** All bytes of a stream. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** An id with a given position; no content has it. */
export function oidAt(position: bigint, rest = 0): Oid {
  return `${position.toString(16).padStart(16, '0')}${rest.toString(16).padStart(48, '0')}` as Oid;
}

/** A temporary folder that is removed again. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'stratum-store-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Where a store keeps the file of a blob. */
export function blobFile(storePath: string, oid: Oid): string {
  return join(storePath, 'blobs', oid.slice(0, 2), oid.slice(2, 4), oid);
}

/** A disk store in a folder, with what it was given. */
export async function openStore(
  path: string,
  options: Partial<DiskBlobStoreOptions> = {},
  modules: {
    readonly clock?: ManualClock;
    readonly log?: RecordingLog;
    readonly measureDisk?: MeasureDisk;
    readonly observer?: StoreObserver;
    readonly readBootId?: ReadBootId;
  } = {},
): Promise<{ store: DiskBlobStore; clock: ManualClock; log: RecordingLog }> {
  const clock = modules.clock ?? manualClock();
  const log = modules.log ?? recordingLog();
  const store = await DiskBlobStore.open(
    { path, freeBytesMin: 0, ...options },
    { ...modules, clock, log, random: systemRandom },
  );
  return { store, clock, log };
}

/** Puts content under its own id. */
export async function putContent(
  store: { put: DiskBlobStore['put'] },
  content: Buffer,
): Promise<{ oid: Oid; existed: boolean }> {
  const oid = oidOf(content);
  const { existed } = await store.put(oid, content.length, chunksOf(content));
  return { oid, existed };
}
