import { readdirSync, readlinkSync } from 'node:fs';
import { systemRandom } from '../../../src/base/random.ts';
import { GiB } from '../../../src/base/units.ts';
import type { MeasureDisk } from '../../../src/store/disk-space.ts';
import { EntryFolder, type EntryFolderOptions } from '../../../src/store/entry-folder.ts';
import type { EntryEnding, EntryReader, EntryWriter, StoredEntry } from '../../../src/store/stored-entry.ts';
import type { ManualClock } from '../base/manual-clock.ts';
import type { RecordingLog } from '../base/recording-log.ts';

/** A key by its number. */
export function keyOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}

/** A disk whose free room the test says. */
export function sayingDisk(freeBytes = 1_000 * GiB): { freeBytes: number; readonly measureDisk: MeasureDisk } {
  const disk = {
    freeBytes,
    measureDisk: () => Promise.resolve({ freeBytes: disk.freeBytes, capacityBytes: 1_000 * GiB }),
  };
  return disk;
}

/** A folder with bounds that nothing reaches. */
export function openFolder(
  options: Partial<EntryFolderOptions> & { readonly path: string },
  modules: { readonly clock: ManualClock; readonly log: RecordingLog; readonly measureDisk?: MeasureDisk },
): Promise<EntryFolder> {
  const bounds = { bytesMax: GiB, entryBytesMax: GiB, ageMaxMs: 3_600_000, freeBytesMin: 0 };
  return EntryFolder.open({ ...bounds, ...options }, { random: systemRandom, ...modules });
}

/** Appends content in chunks. */
export async function append(writer: EntryWriter, content: Buffer, chunkBytes = 64 * 1024): Promise<void> {
  for (let at = 0; at < content.length; at += chunkBytes) await writer.append(content.subarray(at, at + chunkBytes));
}

/** Stores an entry. */
export async function store(
  folder: EntryFolder,
  key: string,
  content: Buffer,
  { tag = 'tag', ...ending }: EntryEnding & { readonly tag?: string } = {},
): Promise<StoredEntry> {
  const writer = await folder.begin(key, { tag });
  try {
    await append(writer, content);
    return await writer.commit(ending);
  } catch (error) {
    await writer.abort();
    throw error;
  } finally {
    writer.release();
  }
}

/** All that can be read from a position on. */
export async function readFrom(source: Pick<EntryReader, 'read'>, at = 0, pieceBytes = 100_000): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let position = at; ; ) {
    const buffer = Buffer.alloc(pieceBytes);
    const bytes = await source.read(buffer, position);
    if (bytes === 0) return Buffer.concat(pieces);
    pieces.push(buffer.subarray(0, bytes));
    position += bytes;
  }
}

/** The content of an entry; undefined when there is none. */
export async function contentIn(folder: EntryFolder, key: string): Promise<Buffer | undefined> {
  const reader = folder.acquire(key);
  if (reader === undefined) return undefined;
  try {
    return await readFrom(reader);
  } finally {
    reader.release();
  }
}

/** Files of this folder that the process has open, deleted ones included. */
export function openFilesIn(path: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(`${path}/`) ? [target] : [];
    } catch {
      return []; // The one that listed the folder.
    }
  });
}

/** Waits until something holds that the test does not see happen: a file that is closed or deleted in the background. */
export async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
