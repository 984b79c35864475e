import { type FileHandle, open } from 'node:fs/promises';
import { StratumError } from '../../../base/errors.ts';
import { MiB } from '../../../base/units.ts';
import { hexDigitsOf, type ObjectFormat } from '../../../git/object-id.ts';

/** Header and fan-out of a pack index of version 2 (gitformat-pack); the sorted ids follow. */
const headerBytes = 8;
const fanoutEntries = 256;
const namesOffset = headerBytes + fanoutEntries * 4;

/** Indexes of a set that are open at once: a process may have few files open, and serves meanwhile. */
const openFilesMax = 16;

/** Ids that a set keeps in memory, 3 million of SHA-1: all of thousands of small packs, which are read once then. */
const defaultMemoryBytesMax = 64 * MiB;

/** Which packs, and how much of them may be in memory beside the part at hand. */
export interface PackedObjectsOptions {
  readonly indexPaths: readonly string[];
  readonly format: ObjectFormat;
  /** Bytes of ids; 64 MiB unless given. Indexes that do not fit are opened for each part. */
  readonly memoryBytesMax?: number;
}

/**
 * The ids of all objects in some packs, sorted and each once, read from their indexes in 256 parts by the first byte: so
 * that two sets are compared in order and a two-hundred-and-fifty-sixth of them is in memory.
 */
export class PackedObjects {
  readonly #indexPaths: readonly string[];
  readonly #idBytes: number;
  readonly #memoryBytesMax: number;

  constructor(options: PackedObjectsOptions) {
    this.#indexPaths = options.indexPaths;
    this.#idBytes = hexDigitsOf(options.format) / 2;
    this.#memoryBytesMax = options.memoryBytesMax ?? defaultMemoryBytesMax;
  }

  /** The ids in 256 parts, each one id after the other. DATA_CORRUPT for a file that is no index. */
  async *parts(): AsyncGenerator<Buffer, void, undefined> {
    const indexes: PackIndex[] = [];
    let roomBytes = this.#memoryBytesMax;
    for (const path of this.#indexPaths) {
      const index = await readIndex(path, this.#idBytes, roomBytes);
      roomBytes -= index.ids?.length ?? 0;
      indexes.push(index);
    }
    for (let first = 0; first < fanoutEntries; first += 1) {
      const parts: Buffer[] = [];
      for (let at = 0; at < indexes.length; at += openFilesMax) {
        const round = indexes.slice(at, at + openFilesMax);
        parts.push(...(await Promise.all(round.map((index) => readPart(index, first, this.#idBytes)))));
      }
      yield mergeAll(parts, this.#idBytes);
    }
  }

  /** How many there are. */
  async count(): Promise<number> {
    let bytes = 0;
    for await (const part of this.parts()) bytes += part.length;
    return bytes / this.#idBytes;
  }

  /** Those that the other packs do not have, in parts. */
  async *without(others: PackedObjects): AsyncGenerator<Buffer, void, undefined> {
    const theirs = others.parts();
    try {
      for await (const part of this.parts()) {
        const { value } = await theirs.next();
        yield subtract(part, value ?? Buffer.alloc(0), this.#idBytes);
      }
    } finally {
      await theirs.return();
    }
  }

  /** How many of them the other packs do not have. */
  async countWithout(others: PackedObjects): Promise<number> {
    let bytes = 0;
    for await (const part of this.without(others)) bytes += part.length;
    return bytes / this.#idBytes;
  }
}

interface PackIndex {
  readonly path: string;
  readonly fanout: Buffer;
  /** All ids, if they had room. */
  readonly ids: Buffer | undefined;
}

async function readIndex(path: string, idBytes: number, roomBytes: number): Promise<PackIndex> {
  return await withFile(path, async (file) => {
    const head = await readAt(file, path, 0, namesOffset);
    if (head.readUInt32BE(0) !== 0xff744f63 || head.readUInt32BE(4) !== 2) throw corrupt(path);
    const fanout = head.subarray(headerBytes);
    for (let first = 0; first < fanoutEntries; first += 1) {
      if (countUpTo(fanout, first) < countUpTo(fanout, first - 1)) throw corrupt(path);
    }
    const bytes = countUpTo(fanout, fanoutEntries - 1) * idBytes;
    return { path, fanout, ids: bytes > roomBytes ? undefined : await readAt(file, path, namesOffset, bytes) };
  });
}

async function readPart({ path, fanout, ids }: PackIndex, first: number, idBytes: number): Promise<Buffer> {
  const [from, to] = [countUpTo(fanout, first - 1) * idBytes, countUpTo(fanout, first) * idBytes];
  if (ids !== undefined) return ids.subarray(from, to);
  if (from === to) return Buffer.alloc(0);
  return await withFile(path, (file) => readAt(file, path, namesOffset + from, to - from));
}

/** How many ids begin with this byte or a lower one. */
function countUpTo(fanout: Buffer, first: number): number {
  return first < 0 ? 0 : fanout.readUInt32BE(first * 4);
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  if (length === 0) return buffer;
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  if (bytesRead !== length) throw corrupt(path);
  return buffer;
}

/** By halves, so that an id is moved as often as the logarithm of the number of packs says. */
function mergeAll(lists: readonly Buffer[], width: number): Buffer {
  if (lists.length <= 2) return merge(lists[0] ?? Buffer.alloc(0), lists[1] ?? Buffer.alloc(0), width);
  const half = lists.length >>> 1;
  return merge(mergeAll(lists.slice(0, half), width), mergeAll(lists.slice(half), width), width);
}

function merge(a: Buffer, b: Buffer, width: number): Buffer {
  if (b.length === 0) return a;
  if (a.length === 0) return b;
  const merged = Buffer.allocUnsafe(a.length + b.length);
  let written = 0;
  let atA = 0;
  let atB = 0;
  while (atA < a.length && atB < b.length) {
    const order = a.compare(b, atB, atB + width, atA, atA + width);
    if (order <= 0) written += a.copy(merged, written, atA, atA + width);
    else written += b.copy(merged, written, atB, atB + width);
    if (order <= 0) atA += width;
    if (order >= 0) atB += width;
  }
  written += a.copy(merged, written, atA);
  written += b.copy(merged, written, atB);
  return merged.subarray(0, written);
}

function subtract(a: Buffer, b: Buffer, width: number): Buffer {
  if (b.length === 0) return a;
  const rest = Buffer.allocUnsafe(a.length);
  let written = 0;
  let atB = 0;
  for (let atA = 0; atA < a.length; atA += width) {
    while (atB < b.length && a.compare(b, atB, atB + width, atA, atA + width) > 0) atB += width;
    const isInBoth = atB < b.length && a.compare(b, atB, atB + width, atA, atA + width) === 0;
    if (!isInBoth) written += a.copy(rest, written, atA, atA + width);
  }
  return rest.subarray(0, written);
}

function corrupt(path: string): StratumError<'DATA_CORRUPT'> {
  return new StratumError('DATA_CORRUPT', `${path} is no pack index of version 2, or ends early`);
}
