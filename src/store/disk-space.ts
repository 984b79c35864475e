import { statfs } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { StratumError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { formatBytes, MiB } from '../base/units.ts';
import type { BlobChunks } from './blob-store.ts';
import { diskFull } from './disk-error.ts';

/** Room on a disk, in bytes. */
export interface DiskRoom {
  readonly freeBytes: number;
  readonly capacityBytes: number;
}

/** Measures the disk of a folder; injected so that a test can fill it. */
export type MeasureDisk = (path: string) => Promise<DiskRoom>;

/** The real disk: what an unprivileged process may still write, and its size. */
export const measureDisk: MeasureDisk = async (path) => {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, capacityBytes: blocks * bsize };
};

/** Values of the guard of free space. */
export interface DiskSpaceOptions {
  readonly path: string;
  /** Bytes that writes must leave free, so that deletes, renewals and the system still work. */
  readonly freeBytesMin: number;
}

/** What the guard needs. */
export interface DiskSpaceModules {
  readonly clock: Clock;
  readonly measureDisk: MeasureDisk;
  readonly log: Logger;
}

/** Room for a write whose bytes come by and by. */
export interface PacedRoom {
  /** Passes chunks on, each when there is room for it; DISK_FULL where there is none any more. */
  pace(chunks: BlobChunks<Uint8Array>): BlobChunks<Uint8Array>;
  release(): void;
}

/** For how long, and for how many bytes, one measurement serves the writes that follow it. */
const estimateAgeMaxMs = 1_000;
const estimateBytesMax = 64 * MiB;

/** Bytes for which a paced write reserves room at a time: what one that never sends them keeps from the others. */
const stepBytes = 64 * MiB;

/**
 * Refuses writes before the disk is full: room is reserved for each before its first byte, or a step
 * ahead of its bytes. What is half written counts twice, as written and as reserved, which errs on the safe side.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  readonly #clock: Clock;
  readonly #measure: MeasureDisk;
  readonly #log: Logger;
  #reservedBytes = 0;
  /** What the last measurement left, less what was granted since. */
  #estimate: { availableBytes: number; grantedBytes: number; readonly atMs: number } | undefined;
  /** Bytes of the write whose refusal was logged; undefined while writes are accepted. */
  #refusedBytes: number | undefined;

  constructor(options: DiskSpaceOptions, modules: DiskSpaceModules) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#measure = modules.measureDisk;
    this.#log = modules.log;
  }

  /** The disk as it is now. */
  room(): Promise<DiskRoom> {
    return this.#measure(this.#options.path);
  }

  /** Reserves room until the result is called; DISK_FULL when the reserve would be touched. */
  async reserve(bytes: number): Promise<() => void> {
    this.#reservedBytes += bytes;
    let reserved = true;
    const release = () => {
      if (reserved) this.#reservedBytes -= bytes;
      reserved = false;
    };
    try {
      if (!this.#fitsEstimate(bytes)) await this.#checkFresh(bytes, { reservedBytes: bytes });
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Room for a large write: refused at once when there is not enough for all of it, and reserved a
   * step ahead of the bytes that come, so that a sender that only announces them keeps nobody else out.
   */
  async reservePaced(bytes: number): Promise<PacedRoom> {
    if (bytes > stepBytes) await this.#checkFresh(bytes, { reservedBytes: 0 });
    let release = await this.reserve(Math.min(stepBytes, bytes));
    let reservedTo = Math.min(stepBytes, bytes);
    const advance = async () => {
      const step = Math.min(stepBytes, bytes - reservedTo);
      const releaseNext = await this.reserve(step);
      release(); // Written by now, and therefore measured.
      release = releaseNext;
      reservedTo += step;
    };
    async function* paced(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      let bytesCome = 0;
      for await (const chunk of chunks) {
        bytesCome += chunk.length;
        while (bytesCome > reservedTo && reservedTo < bytes) await advance();
        yield chunk;
      }
    }
    return {
      pace: (chunks) => ({
        [Symbol.asyncIterator]: () => paced(chunks),
        release: (chunk) => chunks.release?.(chunk),
      }),
      release: () => release(),
    };
  }

  #fitsEstimate(bytes: number): boolean {
    const estimate = this.#estimate;
    if (estimate === undefined) return false;
    const old = this.#clock.monotonicMs() - estimate.atMs >= estimateAgeMaxMs;
    if (old || estimate.grantedBytes + bytes > estimateBytesMax) return false;
    if (estimate.availableBytes - bytes < this.#options.freeBytesMin) return false;
    estimate.availableBytes -= bytes;
    estimate.grantedBytes += bytes;
    return true;
  }

  /** Measures whether there is room for so many bytes, of which some may be reserved already, beside what others have reserved. */
  async #checkFresh(bytes: number, own: { readonly reservedBytes: number }): Promise<void> {
    const { freeBytesMin } = this.#options;
    const { freeBytes } = await this.room();
    // After the measurement: what was reserved meanwhile counts as well.
    const othersBytes = this.#reservedBytes - own.reservedBytes;
    const availableBytes = freeBytes - othersBytes - bytes;
    if (availableBytes < freeBytesMin) {
      this.#noteRefusal(Math.min(bytes, stepBytes), freeBytes - othersBytes);
      throw noRoom(bytes, { freeBytes, freeBytesMin, othersBytes });
    }
    this.#noteRoom(freeBytes - othersBytes);
    this.#estimate = { availableBytes, grantedBytes: 0, atMs: this.#clock.monotonicMs() };
  }

  /** A write that is too large for any step of it to matter to others is refused without a word in the log. */
  #noteRefusal(bytes: number, roomBytes: number): void {
    const { freeBytesMin } = this.#options;
    if (this.#refusedBytes !== undefined || roomBytes - bytes >= freeBytesMin) return;
    this.#refusedBytes = bytes;
    this.#log.warn({ roomBytes, freeBytesMin }, 'the disk has too little room: writes are refused from now on');
  }

  #noteRoom(roomBytes: number): void {
    const { freeBytesMin } = this.#options;
    if (this.#refusedBytes === undefined || roomBytes - this.#refusedBytes < freeBytesMin) return;
    this.#refusedBytes = undefined;
    this.#log.warn({ roomBytes, freeBytesMin }, 'the disk has room again: writes are accepted from now on');
  }
}

function noRoom(
  bytes: number,
  { freeBytes, freeBytesMin, othersBytes }: { freeBytes: number; freeBytesMin: number; othersBytes: number },
): StratumError<'DISK_FULL'> {
  const reserved = othersBytes === 0 ? '' : ` and ${formatBytes(othersBytes)} are reserved for writes under way`;
  const kept = `${formatBytes(freeBytes)} are free, of which ${formatBytes(freeBytesMin)} stay free${reserved}`;
  return diskFull(`${formatBytes(bytes)}: ${kept}`, { limit: BigInt(freeBytesMin), actual: BigInt(freeBytes) });
}
