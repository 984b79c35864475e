import { statfs } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { formatBytes, MiB } from '../base/units.ts';
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

/** For how long, and for how many bytes, one measurement serves the writes that follow it. */
const estimateAgeMaxMs = 1_000;
const estimateBytesMax = 64 * MiB;

/**
 * Refuses writes before the disk is full: room is reserved for each before its first byte. What is
 * half written counts twice, as written and as reserved, which errs on the safe side.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  readonly #clock: Clock;
  readonly #measure: MeasureDisk;
  #reservedBytes = 0;
  /** What the last measurement left, less what was granted since. */
  #estimate: { availableBytes: number; grantedBytes: number; readonly atMs: number } | undefined;

  constructor(options: DiskSpaceOptions, modules: { readonly clock: Clock; readonly measureDisk: MeasureDisk }) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#measure = modules.measureDisk;
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
      if (!this.#fitsEstimate(bytes)) await this.#checkFresh(bytes);
      return release;
    } catch (error) {
      release();
      throw error;
    }
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

  async #checkFresh(bytes: number): Promise<void> {
    const { freeBytesMin } = this.#options;
    const { freeBytes } = await this.room();
    const availableBytes = freeBytes - this.#reservedBytes;
    if (availableBytes < freeBytesMin) {
      const kept = `${formatBytes(freeBytes)} are free, of which ${formatBytes(freeBytesMin)} stay free`;
      throw diskFull(`${formatBytes(bytes)}: ${kept}`, { limit: BigInt(freeBytesMin), actual: BigInt(freeBytes) });
    }
    this.#estimate = { availableBytes, grantedBytes: 0, atMs: this.#clock.monotonicMs() };
  }
}
