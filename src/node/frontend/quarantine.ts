import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, randomHex } from '../../base/random.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import { borrowFrom, createBareRepository } from './bare-repository.ts';

/**
 * A bare repository of its own for one push. It borrows the objects and refs of the repository that
 * is pushed to, and takes the pushed pack; nothing of it is visible elsewhere before it is accepted.
 */
export interface Quarantine {
  readonly path: string;
  /** Deletes it with all that is in it. */
  remove(): Promise<void>;
}

/** Makes quarantines in one folder, which lies on the file system of the cached repositories. */
export class QuarantineFolder {
  readonly #folder: string;
  readonly #random: Random;

  constructor(options: { readonly folder: string }, modules: { readonly random: Random }) {
    this.#folder = options.folder;
    this.#random = modules.random;
  }

  /** Makes the folder, and empties it of what an interrupted process left. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const entry of await readdir(this.#folder)) {
      // Forced: the push that it was made for may remove it at the same moment, when the frontend starts anew in its process.
      await rm(join(this.#folder, entry), { recursive: true, force: true });
    }
  }

  /** A new quarantine; without a base for a repository that does not exist yet. */
  async create(format: ObjectFormat, basePath: string | undefined): Promise<Quarantine> {
    const path = join(this.#folder, randomHex(this.#random, 12));
    const remove = () => rm(path, { recursive: true, force: true });
    try {
      await createBareRepository(path, format);
      if (basePath !== undefined) await borrowFrom(path, basePath);
    } catch (error) {
      await remove();
      throw error;
    }
    return { path, remove };
  }
}
