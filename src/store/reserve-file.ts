import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { isDiskFull } from './disk-error.ts';

/** The file's name inside the data folder. */
const reserveFileName = 'reserve';

/** Bytes of the file: some hundred times what a start writes. */
const reserveBytes = MiB;

/** Below it a start may lack room: it takes the file's. */
const freeBytesMin = 2 * reserveBytes;

/** Tells what is free on the disk of a folder, in bytes; undefined when that cannot be told. */
export type MeasureFree = (path: string) => Promise<number | undefined>;

/**
 * A file that holds room for the next start. A node on a disk that others have filled up could not
 * write what a start writes, and what it has could not be read; so it deletes this file first. It is made
 * again at the first start that finds room.
 */
export class ReserveFile {
  readonly #path: string;
  readonly #folder: string;
  readonly #measureFree: MeasureFree;

  constructor(options: { readonly folder: string }, modules: { readonly measureFree: MeasureFree }) {
    this.#folder = options.folder;
    this.#path = join(options.folder, reserveFileName);
    this.#measureFree = modules.measureFree;
  }

  /** Gives its room to the start where there is little, and takes some where there is plenty. */
  async prepareStart(): Promise<void> {
    const freeBytes = await this.#measureFree(this.#folder);
    if (freeBytes === undefined) return;
    if (freeBytes < freeBytesMin) await rm(this.#path, { force: true });
    else if (!(await this.#isWhole())) await this.#make();
  }

  async #isWhole(): Promise<boolean> {
    try {
      return (await stat(this.#path)).size === reserveBytes;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  async #make(): Promise<void> {
    try {
      // Not zeros, of which some file systems keep nothing.
      await writeFile(this.#path, Buffer.alloc(reserveBytes, 'stratum'));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await rm(this.#path, { force: true });
    }
  }
}
