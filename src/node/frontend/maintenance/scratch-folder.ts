import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, randomHex } from '../../../base/random.ts';
import { formatBytes, GiB } from '../../../base/units.ts';
import type { ObjectFormat } from '../../../git/object-id.ts';
import { diskFull } from '../../../store/disk-error.ts';
import { type MeasureDisk, measureDisk } from '../../../store/disk-space.ts';
import { createBareRepository } from '../bare-repository.ts';

/** Two bare repositories of one run: the packs as they are, hard-linked, and those that are made of them. */
export interface Scratch {
  readonly sourcePath: string;
  readonly resultPath: string;
  /** Deletes both. */
  remove(): Promise<void>;
}

/** What stays free beside what a repack writes: pushes and caches need it more. */
const freeBytesMin = 2 * GiB;

/** Makes scratch repositories in one folder, which lies on the file system of the cached repositories. */
export class ScratchFolder {
  readonly #folder: string;
  readonly #random: Random;
  readonly #measureDisk: MeasureDisk;

  constructor(
    options: { readonly folder: string },
    modules: { readonly random: Random; readonly measureDisk?: MeasureDisk | undefined },
  ) {
    this.#folder = options.folder;
    this.#random = modules.random;
    this.#measureDisk = modules.measureDisk ?? measureDisk;
  }

  /** Makes the folder and clears what an interrupted process left in it. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const entry of await readdir(this.#folder)) await this.#remove(join(this.#folder, entry));
  }

  /** A new pair of empty repositories, for a result of about so many bytes; DISK_FULL when there is too little room. */
  async create(format: ObjectFormat, resultBytes: number): Promise<Scratch> {
    // The cache's folders may be deleted while it runs.
    await mkdir(this.#folder, { recursive: true });
    const { freeBytes } = await this.#measureDisk(this.#folder);
    if (freeBytes - resultBytes < freeBytesMin) {
      const room = `${formatBytes(freeBytes)} are free, of which ${formatBytes(freeBytesMin)} stay free`;
      throw diskFull(`a repack of ${formatBytes(resultBytes)}: ${room}`, {
        limit: BigInt(freeBytesMin),
        actual: BigInt(freeBytes),
      });
    }
    const path = join(this.#folder, randomHex(this.#random, 12));
    const scratch = {
      sourcePath: join(path, 'source.git'),
      resultPath: join(path, 'result.git'),
      remove: () => this.#remove(path),
    };
    try {
      await createBareRepository(scratch.sourcePath, format);
      await createBareRepository(scratch.resultPath, format);
    } catch (error) {
      await scratch.remove();
      throw error;
    }
    return scratch;
  }

  /** Forced and repeated: git may be making a file in it while it ends. */
  #remove(path: string): Promise<void> {
    return rm(path, { recursive: true, force: true, maxRetries: 5 });
  }
}
