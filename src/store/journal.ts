import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { largerOf } from '../base/bigint-order.ts';
import { StratumError } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { syncFolder } from './durable-file.ts';
import { encodeFrame, frameOverheadBytes, framesOf, hasLaterFrame, type JournalFrame } from './journal-frame.ts';

/** Two: one is written while what the other one holds gets to where it belongs. */
const segmentNames = ['journal-a', 'journal-b'] as const;

/** Room of a segment, written with zeros when it is made: a sync then moves no metadata of the file system. */
const defaultSegmentBytes = 4 * MiB;

/** One file of a journal. */
interface Segment {
  readonly path: string;
  readonly file: FileHandle;
  /** Where the next frame goes. */
  end: number;
  /** Of its last frame; 0 when there is none. */
  lastSequence: bigint;
  /** Whether an append that failed may have left a whole frame at its end. */
  hasRemains: boolean;
}

/** What a journal is opened with. */
export interface JournalOptions {
  /** Folder, made if it is missing; the caller holds its lock. */
  readonly path: string;
  readonly segmentBytes?: number;
}

/**
 * An append-only journal in two files that are used in turn: what is appended is on disk with one write and one sync. Whoever
 * uses it brings what it holds to where it belongs, and then says so (`release`): a segment is used again when all of it
 * has been released. One append at a time.
 */
export class Journal {
  readonly #segments: readonly [Segment, Segment];
  readonly #segmentBytes: number;
  #current: Segment;
  #lastSequence: bigint;
  #releasedTo: bigint;

  private constructor(segments: readonly [Segment, Segment], segmentBytes: number, releasedTo: bigint) {
    this.#segments = segments;
    this.#segmentBytes = segmentBytes;
    const [first, second] = segments;
    this.#current = first.lastSequence >= second.lastSequence ? first : second;
    this.#releasedTo = releasedTo;
    this.#lastSequence = largerOf(this.#current.lastSequence, releasedTo);
    // Frames follow each other in a segment: what comes next begins at its start, for all that it holds is released.
    if (this.#current.lastSequence !== this.#lastSequence) this.#current.end = 0;
  }

  /**
   * Opens or makes a journal. `replay` gets the payloads behind `releasedTo`, in order. DATA_CORRUPT when one of them is
   * missing or damaged: only the end of the last append may be, for nobody was told that it is on disk.
   */
  static async open(
    { path, segmentBytes = defaultSegmentBytes }: JournalOptions,
    releasedTo: bigint,
    replay: (payload: Buffer) => void,
  ): Promise<Journal> {
    await mkdir(path, { recursive: true });
    const files: FileHandle[] = [];
    try {
      for (const name of segmentNames) files.push(await openFile(join(path, name)));
      const opened = await Promise.all(
        files.map((file, at) => readSegment(join(path, segmentNames[at] ?? ''), file, segmentBytes)),
      );
      await syncFolder(path);
      await syncFolder(dirname(path));
      return Journal.#of(path, segmentBytes, releasedTo, opened, replay);
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  static #of(
    path: string,
    segmentBytes: number,
    releasedTo: bigint,
    opened: readonly OpenedSegment[],
    replay: (payload: Buffer) => void,
  ): Journal {
    const isUsed = releasedTo > 0n || opened.some(({ frames }) => frames.length > 0);
    const missing = opened.filter(({ isNew }) => isNew);
    // Both are made before the first append; without either, LMDB alone tells what there was.
    if (isUsed && missing.length === 1) throw damaged(path, `${missing[0]?.segment.path} is missing`);
    const found = opened.flatMap(({ frames }) => frames).filter(({ sequence }) => sequence > releasedTo);
    found.sort((left, right) => (left.sequence < right.sequence ? -1 : 1));
    let expected = releasedTo + 1n;
    for (const { sequence, payload } of found) {
      if (sequence !== expected) throw damaged(path, `frame ${expected} is missing, ${sequence} is there`);
      expected += 1n;
      replay(payload);
    }
    for (const { segment, bytes } of opened) {
      const isNewest = segment.lastSequence === expected - 1n && segment.lastSequence > 0n;
      const from = isNewest ? segment.end : 0;
      if (hasLaterFrame(bytes, from, expected - 1n)) throw damaged(path, `frame ${expected} cannot be read`);
    }
    const [first, second] = opened;
    if (first === undefined || second === undefined) throw damaged(path, 'a segment is missing');
    return new Journal([first.segment, second.segment], segmentBytes, releasedTo);
  }

  /** Of the last append. */
  get lastSequence(): bigint {
    return this.#lastSequence;
  }

  /** Whether an append has to wait for a release. */
  isFull(bytes: number): boolean {
    return !this.#fits(bytes) && this.#other().lastSequence > this.#releasedTo;
  }

  /**
   * Resolves when the payloads are on disk together. Rejects with the system's error; then they are appended again, or others
   * in their place: a try that failed leaves nothing that counts once another append has succeeded.
   */
  async append(payloads: readonly Buffer[]): Promise<void> {
    const sequence = this.#lastSequence + 1n;
    const frame = encodeFrame(sequence, payloads);
    if (!this.#fits(frame.length - frameOverheadBytes)) await this.#turn();
    const { file, end } = this.#current;
    this.#current.hasRemains = true;
    await writeAll(file, frame, end);
    await file.datasync();
    this.#current.hasRemains = false;
    this.#current.end = end + frame.length;
    this.#current.lastSequence = sequence;
    this.#lastSequence = sequence;
  }

  /** What was appended up to `sequence` has got to where it belongs. */
  release(sequence: bigint): void {
    if (sequence > this.#releasedTo) this.#releasedTo = sequence;
  }

  async close(): Promise<void> {
    await Promise.all(this.#segments.map(({ file }) => file.close()));
  }

  /** A frame of any size has room in an empty segment. */
  #fits(bytes: number): boolean {
    const { end } = this.#current;
    return end === 0 || end + frameOverheadBytes + bytes <= this.#segmentBytes;
  }

  #other(): Segment {
    const [first, second] = this.#segments;
    return this.#current === first ? second : first;
  }

  async #turn(): Promise<void> {
    const other = this.#other();
    if (other.lastSequence > this.#releasedTo) {
      throw new StratumError('INTERNAL', `segment ${other.path} still holds what has to be kept`);
    }
    const { file, end, hasRemains } = this.#current;
    if (hasRemains) {
      // Else there would be two frames of one sequence, one of which was refused.
      await writeAll(file, Buffer.alloc(frameOverheadBytes), end);
      await file.datasync();
      this.#current.hasRemains = false;
    }
    other.end = 0;
    this.#current = other;
  }
}

/** A segment as it was found. */
interface OpenedSegment {
  readonly segment: Segment;
  readonly frames: readonly JournalFrame[];
  readonly bytes: Buffer;
  readonly isNew: boolean;
}

async function openFile(path: string): Promise<FileHandle> {
  const made = await open(path, 'a+');
  await made.close();
  return open(path, 'r+');
}

async function readSegment(path: string, file: FileHandle, segmentBytes: number): Promise<OpenedSegment> {
  const { size } = await file.stat();
  if (size < segmentBytes) await writeAll(file, Buffer.alloc(segmentBytes - size), size);
  // What is replayed is seen: a process that was killed may have left it unsynced.
  await file.sync();
  const bytes = Buffer.alloc(Math.max(size, segmentBytes));
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  const frames: readonly JournalFrame[] = framesOf(bytes);
  const last = frames.at(-1);
  const segment: Segment = { path, file, end: last?.end ?? 0, lastSequence: last?.sequence ?? 0n, hasRemains: false };
  return { segment, frames, bytes, isNew: size === 0 };
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

function damaged(path: string, why: string): StratumError {
  return new StratumError('DATA_CORRUPT', `the journal in ${path} is damaged: ${why}`, undefined, {
    hint: 'start this node with an empty data folder: it fetches what it lacks from the other replicas',
  });
}
