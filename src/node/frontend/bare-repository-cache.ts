import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { syncFolder } from '../../store/durable-file.ts';
import {
  createBareRepository,
  linkPack,
  listPackNames,
  removeLeftovers,
  removePack,
  writeRefs,
} from './bare-repository.ts';
import { JoinedCalls } from './joined-calls.ts';
import { formatFromWire } from './object-format.ts';
import { downloadFile, isIntact, type PackFile, packFilesOf } from './pack-download.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';

/** Where the repositories are and what bounds their downloads. */
export interface BareRepositoryCacheOptions {
  readonly folder: string;
  /** Files that are downloaded at once, over all repositories. */
  readonly downloadsMax: number;
  /** A repository's packs are hashed again at most this often, however often git complains. */
  readonly contentCheckIntervalMs: number;
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
}

/** What a cache of bare repositories works with. */
export interface BareRepositoryCacheModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metadata: MetadataApi;
  readonly objects: ObjectApi;
  readonly refs: RefReader;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
}

/** A cached repository that is as new as the moment when it was asked for. */
export interface CachedRepository {
  readonly path: string;
  readonly refs: RepositoryRefs;
}

interface State {
  refsGeneration: bigint;
  packsGeneration: bigint;
  /** Requests that use the repository at the moment. */
  users: number;
  /** What the next update looks at beside the generations: a new process trusts no file of an older one. */
  check: 'none' | 'size' | 'content';
  contentCheckedAtMs: number | undefined;
  /** Files that the last update had to bring back although they should have been there. */
  mended: number;
}

/**
 * Bare repositories on the frontend's disk, one for each repository id, brought up to date from
 * the metadata service and the object nodes before each use. Nothing here is the only copy.
 */
export class BareRepositoryCache {
  readonly #options: BareRepositoryCacheOptions;
  readonly #modules: BareRepositoryCacheModules;
  readonly #states = new Map<string, State>();
  readonly #updates = new JoinedCalls<CachedRepository>((repo) => this.#update(repo));
  readonly #download: ReturnType<typeof pLimit>;
  #hits = 0;
  #misses = 0;

  constructor(options: BareRepositoryCacheOptions, modules: BareRepositoryCacheModules) {
    this.#options = options;
    this.#modules = modules;
    this.#download = pLimit(options.downloadsMax);
  }

  /** Updates that needed no download, and those that did. */
  get counters(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** Makes the folder and clears what an interrupted process left in it. */
  async open(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    for (const entry of await readdir(this.#options.folder)) {
      if (entry.endsWith('.git')) await removeLeftovers(join(this.#options.folder, entry));
    }
  }

  /** Runs work on a repository that holds at least what was pushed before this call; its packs stay while it runs. */
  async use<T>(repo: string, signal: AbortSignal, work: (repository: CachedRepository) => Promise<T>): Promise<T> {
    const repository = await this.#updates.run(repo, signal);
    const state = this.#stateOf(repository.refs.repo.id);
    state.users += 1;
    try {
      return await work(repository);
    } finally {
      state.users -= 1;
    }
  }

  /**
   * Makes the next update look for damage, after git failed on a repository: at sizes each time, at
   * content at most as often as the options say, so that requests which make git fail cannot keep
   * the disk busy.
   */
  doubt(refs: RepositoryRefs): void {
    const state = this.#stateOf(refs.repo.id);
    const nowMs = this.#modules.clock.monotonicMs();
    const checkedMs = state.contentCheckedAtMs;
    const due = checkedMs === undefined || nowMs - checkedMs >= this.#options.contentCheckIntervalMs;
    if (due) state.contentCheckedAtMs = nowMs;
    if (due) state.check = 'content';
    else if (state.check === 'none') state.check = 'size';
  }

  /** Doubts and updates a repository; true when something was mended and another try makes sense. */
  async mend(refs: RepositoryRefs, signal: AbortSignal): Promise<boolean> {
    this.doubt(refs);
    await this.#updates.run(refs.repo.name, signal);
    const { mended } = this.#stateOf(refs.repo.id);
    if (mended > 0)
      this.#modules.log.warn({ repo: refs.repo.name, files: mended }, 'mended a damaged cached repository');
    return mended > 0;
  }

  /** Takes over a pack that an accepted push brought, so that it need not be downloaded. */
  async adopt(refs: RepositoryRefs, packName: string, fromPath: string): Promise<void> {
    const path = this.#pathOf(refs.repo.id);
    await createBareRepository(path, refs.snapshot.objectFormat);
    await linkPack(packName, fromPath, path);
  }

  async #update(name: string): Promise<CachedRepository> {
    // Refs before packs: then every ref's objects are in a listed pack, whatever is pushed in between.
    const refs = await this.#modules.refs.read(name);
    const { repo } = refs;
    const state = this.#stateOf(repo.id);
    const repository = { path: this.#pathOf(repo.id), refs };
    const current = state.refsGeneration === repo.refsGeneration && state.packsGeneration === repo.packsGeneration;
    if (current && state.check === 'none') {
      this.#hits += 1;
      return repository;
    }
    const request = { name, includePacks: true };
    const listed = await this.#modules.metadata.getRepo(request, { timeoutMs: this.#options.metadataTimeoutMs });
    if (listed.repo === undefined || listed.repo.id !== repo.id) {
      throw new StratumError('VERSION_CONFLICT', `repository ${name} was made again while it was read`, {
        what: name,
        expected: repo.id,
        current: listed.repo?.id ?? '',
      });
    }
    const { check } = state;
    state.check = 'none'; // Whoever doubts it from here on is heard by the next update.
    try {
      await createBareRepository(repository.path, formatFromWire(repo.objectFormat));
      await this.#syncPacks(repository, listed.packs, check, state);
      await writeRefs(repository.path, refs.snapshot);
    } catch (error) {
      if (state.check === 'none') state.check = check === 'none' ? 'size' : check;
      throw error;
    }
    state.refsGeneration = repo.refsGeneration;
    state.packsGeneration = listed.repo.packsGeneration;
    return repository;
  }

  async #syncPacks(
    repository: CachedRepository,
    packs: readonly PackRef[],
    check: State['check'],
    state: State,
  ): Promise<void> {
    const { path } = repository;
    const present = await listPackNames(path);
    const missing: (readonly PackFile[])[] = [];
    let mended = 0;
    for (const pack of packs) {
      const files = packFilesOf(path, pack);
      if (present.has(pack.name)) {
        const damaged = check === 'none' ? [] : await this.#damagedOf(files, check);
        mended += damaged.length;
        if (damaged.length > 0) missing.push(damaged);
      } else {
        if (check !== 'none') mended += 1;
        missing.push(files);
      }
    }
    await this.#fetch(path, missing);
    state.mended = mended;
    if (missing.length === 0) this.#hits += 1;
    else this.#misses += 1;
    await this.#dropUnlisted(path, packs, present, state);
  }

  async #damagedOf(files: readonly PackFile[], check: 'size' | 'content'): Promise<PackFile[]> {
    const intact = await Promise.all(files.map((file) => isIntact(file, check, this.#modules.stopping)));
    return files.filter((_, at) => !intact[at]);
  }

  async #fetch(path: string, packs: readonly (readonly PackFile[])[]): Promise<void> {
    if (packs.length === 0) return;
    const { objects, stopping } = this.#modules;
    // All are awaited before a failure is passed on, so that no download outlives its update.
    const results = await Promise.allSettled(
      packs.map(async (files) => {
        // One after another: the index comes last and makes the pack visible to git.
        for (const file of files) await this.#download(() => downloadFile(file, objects, stopping));
      }),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await syncFolder(join(path, 'objects', 'pack'));
  }

  /** A pack that maintenance took away must not vouch for objects any more; while git runs here it stays. */
  async #dropUnlisted(path: string, packs: readonly PackRef[], present: Set<string>, state: State): Promise<void> {
    if (state.users > 0) return;
    const listed = new Set(packs.map((pack) => pack.name));
    for (const name of present) if (!listed.has(name)) await removePack(path, name);
  }

  #stateOf(repoId: string): State {
    const found = this.#states.get(repoId);
    if (found !== undefined) return found;
    const state: State = {
      refsGeneration: -1n,
      packsGeneration: -1n,
      users: 0,
      check: 'size',
      contentCheckedAtMs: undefined,
      mended: 0,
    };
    this.#states.set(repoId, state);
    return state;
  }

  #pathOf(repoId: string): string {
    return join(this.#options.folder, `${repoId}.git`);
  }
}
