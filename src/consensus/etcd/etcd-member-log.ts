import { closeSync, copyFileSync, fstatSync, openSync, readSync, truncateSync } from 'node:fs';
import { KiB, MiB } from '../../base/units.ts';

/** A log that has grown larger is set aside, replacing the one before. */
const logBytesMax = 8 * MiB;

/** How much of the end is looked at. */
const tailBytes = 16 * KiB;

/**
 * The file that an etcd process writes its output to. Not a pipe: a coordinator that stands still
 * would stop its member with it as soon as the pipe is full.
 */
export class EtcdMemberLog {
  readonly path: string;
  #sinceBytes = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Opens the file for a process that is to be started; the caller closes the descriptor. */
  open(): number {
    // Appending, so that a process goes on writing at the beginning after the file was cut.
    const descriptor = openSync(this.path, 'a', 0o600);
    this.#sinceBytes = fstatSync(descriptor).size;
    return descriptor;
  }

  /** The last lines that were written since it was opened last; none when it cannot be read. */
  lastLines(): string[] {
    try {
      return this.#tail()
        .split('\n')
        .filter((line) => line.trim() !== '');
    } catch {
      return []; // The lines only illustrate an error that is reported anyway.
    }
  }

  /** Sets the content aside when it is over the bound. */
  trim(): void {
    const descriptor = openSync(this.path, 'a', 0o600);
    try {
      if (fstatSync(descriptor).size <= logBytesMax) return;
    } finally {
      closeSync(descriptor);
    }
    try {
      copyFileSync(this.path, `${this.path}.1`);
    } finally {
      // Also on a full disk: then above all.
      truncateSync(this.path);
      this.#sinceBytes = 0;
    }
  }

  #tail(): string {
    const descriptor = openSync(this.path, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const from = Math.max(size < this.#sinceBytes ? 0 : this.#sinceBytes, size - tailBytes);
      const tail = Buffer.alloc(size - from);
      const bytesRead = readSync(descriptor, tail, 0, tail.length, from);
      return tail.subarray(0, bytesRead).toString('utf8');
    } finally {
      closeSync(descriptor);
    }
  }
}
