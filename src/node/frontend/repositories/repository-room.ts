import { rename, rm } from 'node:fs/promises';
import { explain, systemCode } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { MeasureDisk } from '../../../store/disk-space.ts';
import type { RepositoryState } from './repository-state.ts';

/** How much of the disk cached repositories may take. */
export interface RepositoryRoomOptions {
  readonly folder: string;
  /** Bytes of all repositories; the one used last stays even when it alone is larger. */
  readonly bytesMax: number;
  /** Bytes of the disk that are to stay free. */
  readonly freeBytesMin: number;
  /** Part of the disk that is to stay free, 0 to 1. */
  readonly freePartMin: number;
}

/** What eviction works with. */
export interface RepositoryRoomModules {
  readonly log: Logger;
  readonly measureDisk: MeasureDisk;
  /** The repositories on disk by their id. */
  readonly states: Map<string, RepositoryState>;
  /** Waits until the size of a repository that an older process left is known; it never rejects. */
  readonly examine: (state: RepositoryState) => Promise<void> | undefined;
}

/** The folder of a repository that is being deleted ends like this; what is left of it goes at the next start. */
export const evictedSuffix = '.evicted';

/** Makes room: repositories that nobody holds go, the least recently used first. */
export class RepositoryRoom {
  readonly #options: RepositoryRoomOptions;
  readonly #modules: RepositoryRoomModules;
  #evictions = 0;
  #moves = 0;
  /** What the newest call waits for: one makes room at a time. */
  #lastRun: Promise<void> = Promise.resolve();
  /** A look at what is there, for no bytes more, that has not begun. */
  #waitingLook: Promise<void> | undefined;

  constructor(options: RepositoryRoomOptions, modules: RepositoryRoomModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Repositories evicted since the start, purges not counted. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Bytes of all repositories. */
  get bytes(): number {
    let bytes = 0;
    for (const { record } of this.#modules.states.values()) bytes += record.bytes;
    return bytes;
  }

  /** Whether the repositories have more bytes than they may. */
  get isOver(): boolean {
    return this.bytes > this.#options.bytesMax;
  }

  /** Evicts until so many bytes more have their place, or nothing is left that may go. */
  async make(neededBytes: number): Promise<void> {
    // Two at once would each take what the other has taken already, and see each other's files still on the disk.
    if (neededBytes > 0) await this.#runNext(() => this.#evictFor(neededBytes));
    else await this.#look();
  }

  /** A look that waits for its turn will see what the caller sees: those that come meanwhile share it. */
  #look(): Promise<void> {
    this.#waitingLook ??= this.#runNext(async () => {
      this.#waitingLook = undefined;
      await this.#evictFor(0);
    });
    return this.#waitingLook;
  }

  #runNext(work: () => Promise<void>): Promise<void> {
    const run = this.#lastRun.then(work);
    this.#lastRun = run.catch(() => undefined); // Whoever asked for it hears of it.
    return run;
  }

  async #evictFor(neededBytes: number): Promise<void> {
    // One look at the disk; what goes then is reckoned, as a file system may free it later.
    let lackBytes = await this.#lackOnDisk(neededBytes);
    for (const { state, useOrder } of this.#victims()) {
      const overBytes = this.bytes + neededBytes - this.#options.bytesMax;
      if (overBytes <= 0 && lackBytes <= 0) return;
      await this.#modules.examine(state);
      if (state.useOrder !== useOrder) continue; // Somebody used it while others went.
      const { bytes } = state.record;
      if (!(await this.evict(state))) continue;
      this.#evictions += 1;
      lackBytes -= bytes;
      this.#modules.log.info({ repoId: state.id, bytes }, 'evicted a cached repository');
    }
  }

  /**
   * Deletes a repository unless somebody holds it. It vanishes at once by a rename, so that nobody sees a part of it.
   * A state that is not the registered one any more was evicted already; the folder belongs to its successor.
   */
  async evict(state: RepositoryState): Promise<boolean> {
    // Beside what an earlier eviction of the same repository is still deleting.
    this.#moves += 1;
    const aside = `${state.path}.${this.#moves}${evictedSuffix}`;
    try {
      // No await between this and the start of what runs alone: afterwards nobody can take the repository's place.
      if (this.#modules.states.get(state.id) !== state) return false;
      const evicted = await state.runAlone(async () => {
        await rm(aside, { recursive: true, force: true });
        await moveIfThere(state.path, aside);
        state.listed = new Set();
        this.#modules.states.delete(state.id);
      });
      if (evicted) await rm(aside, { recursive: true, force: true });
      return evicted;
    } catch (error) {
      // Whoever needs room may still find it; what was set aside goes at the next start.
      this.#modules.log.warn({ path: state.path, reason: explain(error) }, 'cached repository not evicted');
      return false;
    }
  }

  /** Least recently used first; never the one used last, which would only be fetched again. */
  #victims(): { readonly state: RepositoryState; readonly useOrder: number }[] {
    const states = [...this.#modules.states.values()];
    states.sort((a, b) => a.useOrder - b.useOrder || a.usedAtMs - b.usedAtMs);
    const idle = states.slice(0, -1).filter((state) => state.isIdle);
    return idle.map((state) => ({ state, useOrder: state.useOrder }));
  }

  async #lackOnDisk(neededBytes: number): Promise<number> {
    const { folder, freeBytesMin, freePartMin } = this.#options;
    const { freeBytes, capacityBytes } = await this.#modules.measureDisk(folder);
    if (capacityBytes === 0) return 0; // A file system that tells nothing of its room.
    return Math.max(freeBytesMin, capacityBytes * freePartMin) + neededBytes - freeBytes;
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
