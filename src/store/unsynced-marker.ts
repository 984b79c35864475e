import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StratumError, systemCode } from '../base/errors.ts';
import { syncFolder, writeFileDurably } from './durable-file.ts';

/** The name of this run of the operating system, which every boot changes; undefined where there is none. */
export type ReadBootId = () => Promise<string | undefined>;

/** The kernel's own, as Linux gives it. */
export const readBootId: ReadBootId = async () => {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return undefined;
  }
};

/**
 * A file beside the index that is there while the index is written without being synced (durability
 * `quorum`): the boot in which that began. LMDB then outlives the process, but not the machine: pages
 * reach the disk in any order, so that after a crash of the machine the index may look whole and lack
 * anything. Such an index must not answer MISSING for what it has lost, so that it is refused.
 */
export class UnsyncedMarker {
  readonly #path: string;
  readonly #folder: string;
  readonly #readBootId: ReadBootId;

  constructor(options: { readonly folder: string }, modules: { readonly readBootId: ReadBootId }) {
    this.#folder = options.folder;
    this.#path = join(options.folder, 'unsynced');
    this.#readBootId = modules.readBootId;
  }

  /** Whether an earlier use ended without `remove`, in this boot; DATA_CORRUPT when it was in another. */
  async check(): Promise<boolean> {
    const bootId = await this.#read();
    if (bootId === undefined) return false;
    if (bootId !== '' && bootId === (await this.#readBootId())) return true;
    throw new StratumError(
      'DATA_CORRUPT',
      `the machine went down while the blobs in ${this.#folder} were written with durability quorum`,
      undefined,
      { hint: 'what was lost cannot be told: give the node a new, empty data folder; the other replicas fill it' },
    );
  }

  /** Says, on disk, that from now on nothing is synced. */
  async write(): Promise<void> {
    await writeFileDurably(this.#path, (await this.#readBootId()) ?? '');
  }

  /** Takes that back; all is on disk. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
    await syncFolder(this.#folder);
  }

  async #read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
