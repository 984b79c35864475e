import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { explain, systemCode } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { listPackNames, packFileNames, removeLeftovers, topFiles } from '../bare-repository.ts';
import { evictedSuffix } from './repository-room.ts';
import type { RepositoryState } from './repository-state.ts';

/** What looking at them needs. */
export interface FoundRepositoriesModules {
  readonly log: Logger;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
  /** The state of a repository by its id. */
  readonly stateOf: (repoId: string) => RepositoryState;
}

const folderSuffix = '.git';

/** Folders that are looked at at once; the disk has requests to serve meanwhile. */
const looksMax = 16;

/**
 * The repositories that an older process left. A start learns their names and when they were used, with one `stat` for
 * each; what is in a folder is looked at before its first use, or in the background for the sake of its size. Whoever
 * wants to hold one of the states waits for {@link FoundRepositories.examine} before, for it deletes half-written files.
 */
export class FoundRepositories {
  readonly #folder: string;
  readonly #modules: FoundRepositoriesModules;
  readonly #unseen = new Set<RepositoryState>();
  readonly #looks = new Map<RepositoryState, Promise<void>>();
  #evicted: readonly string[] = [];

  constructor(options: { readonly folder: string }, modules: FoundRepositoriesModules) {
    this.#folder = options.folder;
    this.#modules = modules;
  }

  /** Finds them. Rejects with the system's error when the folder cannot be read. */
  async find(): Promise<void> {
    const entries = await readdir(this.#folder);
    this.#evicted = entries.filter((entry) => entry.endsWith(evictedSuffix));
    const look = pLimit(looksMax);
    const found = entries.filter((entry) => entry.endsWith(folderSuffix));
    await Promise.all(found.map((entry) => look(() => this.#add(entry))));
  }

  /** Waits until what is in its folder is known: undefined when it is. It never rejects; what cannot be read is left to the first update. */
  examine(state: RepositoryState): Promise<void> | undefined {
    const under = this.#looks.get(state);
    if (under !== undefined || !this.#unseen.delete(state)) return under;
    const release = state.hold(); // An eviction in the middle would lead to half-written files of its successor.
    const look = this.#look(state).finally(() => {
      this.#looks.delete(state);
      release();
    });
    this.#looks.set(state, look);
    return look;
  }

  /** Looks at some, a few at a time; those that are left when the frontend stops are not looked at. */
  async examineSome(states: Iterable<RepositoryState>): Promise<void> {
    const look = pLimit(looksMax);
    const { stopping } = this.#modules;
    const examine = (state: RepositoryState) => (stopping.aborted ? undefined : this.examine(state));
    await Promise.all([...states].map((state) => look(() => examine(state))));
  }

  /** Looks at all that nobody has used yet, and deletes what interrupted evictions left. */
  async examineAll(): Promise<void> {
    for (const entry of this.#evicted) {
      if (this.#modules.stopping.aborted) return;
      await this.#removeEvicted(join(this.#folder, entry));
    }
    await this.examineSome(this.#unseen);
  }

  async #add(entry: string): Promise<void> {
    const usedAtMs = await timeOf(join(this.#folder, entry));
    if (usedAtMs === undefined) return;
    const state = this.#modules.stateOf(entry.slice(0, -folderSuffix.length));
    state.usedAtMs = usedAtMs;
    state.usedAtWrittenMs = usedAtMs;
    this.#unseen.add(state);
  }

  async #removeEvicted(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      this.#modules.log.warn({ path, reason: explain(error) }, 'evicted repository not deleted');
    }
  }

  async #look(state: RepositoryState): Promise<void> {
    try {
      await removeLeftovers(state.path);
      const packs = await listPackNames(state.path).catch(() => []); // Not to be read: the first update mends it.
      await state.record.note([...topFiles, ...[...packs].flatMap(packFileNames)]);
    } catch (error) {
      this.#modules.log.warn({ path: state.path, reason: explain(error) }, 'cached repository not looked at');
    }
  }
}

/** When a folder was changed last, in milliseconds since the Unix epoch; undefined when it has gone. */
async function timeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
