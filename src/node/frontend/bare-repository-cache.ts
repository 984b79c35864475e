import { mkdir, rm, utimes } from 'node:fs/promises';
import pLimit from 'p-limit';
import type { Clock } from '../../base/clock.ts';
import { explain, systemCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { GiB } from '../../base/units.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import { diskError } from '../../store/disk-error.ts';
import { type MeasureDisk, measureDisk } from '../../store/disk-space.ts';
import { abortable } from './abortable.ts';
import { createBareRepository, linkPack, packFileNames, syncPack } from './bare-repository.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';
import { CrossPackIndex } from './repositories/cross-pack-index.ts';
import { FoundRepositories } from './repositories/found-repositories.ts';
import { type PurgedRepositories, purgeRepositories, type RepositoryPurge } from './repositories/purge-repositories.ts';
import { RepositoryRoom } from './repositories/repository-room.ts';
import { RepositoryState } from './repositories/repository-state.ts';
import { RepositoryUpdate, type UpdateOutcome } from './repositories/repository-update.ts';
import { removeRetired, retiredIsDue } from './repositories/retired-packs.ts';

/** Where the repositories are and what bounds them. */
export interface BareRepositoryCacheOptions {
  readonly folder: string;
  /** Bytes of all repositories; the least recently used go beyond it, never one in use, never the last. */
  readonly bytesMax: number;
  /** Files that are downloaded at once, over all repositories. */
  readonly downloadsMax: number;
  /** A repository's packs are hashed again at most this often, however often git complains. */
  readonly contentCheckIntervalMs: number;
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
  /** Milliseconds for which packs that are listed no more stay on disk; default ten minutes. */
  readonly packGraceMs?: number;
  /** More packs than this outside a multi-pack-index are put into one; default 32. */
  readonly unindexedPacksMax?: number;
}

/** What a cache of bare repositories works with. */
export interface BareRepositoryCacheModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metadata: MetadataApi;
  readonly objects: ObjectApi;
  readonly refs: RefReader;
  readonly git: GitRunner;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
  /** The real disk unless given. */
  readonly measureDisk?: MeasureDisk;
}

/** A cached repository that is as new as the moment when it was asked for. */
export interface CachedRepository {
  readonly path: string;
  readonly refs: RepositoryRefs;
  /** Whether its refs on disk are still those; a later request may bring it further while git runs. */
  readonly isUnchanged: () => boolean;
  /** Of the pack list that the last update read: nothing that was dropped up to there is here. */
  readonly packsGeneration: bigint;
}

/** Counters since the start, and what is on disk now. */
export interface BareRepositoryCounters {
  /** Updates that needed no download, and those that did. */
  readonly hits: number;
  readonly misses: number;
  readonly repositories: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly evictions: number;
}

/** Between two looks at packs that are due, and at the room on the disk. */
const sweepIntervalMs = 30_000;

/** A use is written down on disk at most this often. */
const usedAtWriteIntervalMs = 60_000;

/** For so long a request that failed is tried again because of what another one mended. */
const mendedLatelyMs = 5_000;

/** Adopted packs that wait to be put on disk. */
const syncsMax = 1_000;

/** The disk is kept free of this much, or this part, whichever is more: pushes and the pack cache need it. */
const freeBytesMin = GiB;
const freePartMin = 0.05;

/**
 * Each pack costs every git process 12 microseconds to open its index: of 200 packs, 2.4 of 4.9 ms
 * for one object and 0.15 of 2.3 s for a depth-1 fetch. To write an index takes 120 ms of a core.
 */
const defaultUnindexedPacksMax = 32;

/** Milliseconds for `git multi-pack-index write`: 200 packs take less than a second. */
const indexTimeoutMs = 300_000;

/**
 * Bare repositories on the frontend's disk, one for each repository id, brought up to date from
 * the metadata service and the object nodes before each use. Nothing here is the only copy.
 */
export class BareRepositoryCache {
  readonly #options: BareRepositoryCacheOptions;
  readonly #modules: BareRepositoryCacheModules;
  readonly #states = new Map<string, RepositoryState>();
  readonly #indexes: CrossPackIndex;
  readonly #update: RepositoryUpdate;
  readonly #room: RepositoryRoom;
  readonly #found: FoundRepositories;
  /** One file after another: requests need the disk more. */
  readonly #syncing = pLimit(1);
  /** Work that no request waits for. */
  readonly #background = new Set<Promise<void>>();
  #uses = 0;
  #hits = 0;
  #misses = 0;

  constructor(options: BareRepositoryCacheOptions, modules: BareRepositoryCacheModules) {
    this.#options = options;
    this.#modules = modules;
    const { clock, log, metadata, objects, git, stopping } = modules;
    const { folder, bytesMax, downloadsMax, metadataTimeoutMs, packGraceMs = 600_000 } = options;
    this.#room = new RepositoryRoom(
      { folder, bytesMax, freeBytesMin, freePartMin },
      {
        log,
        measureDisk: modules.measureDisk ?? measureDisk,
        states: this.#states,
        examine: (state) => this.#found.examine(state),
      },
    );
    const stateOf = (repoId: string) => this.#stateOf(repoId);
    this.#found = new FoundRepositories({ folder }, { log, stopping, stateOf });
    this.#indexes = new CrossPackIndex(
      { packsMax: options.unindexedPacksMax ?? defaultUnindexedPacksMax, timeoutMs: indexTimeoutMs },
      { log, git, stopping },
    );
    const makeRoom = (bytes: number) => this.#room.make(bytes);
    this.#update = new RepositoryUpdate(
      { downloadsMax, metadataTimeoutMs, packGraceMs },
      { clock, metadata, objects, indexes: this.#indexes, makeRoom, stopping },
    );
  }

  get counters(): BareRepositoryCounters {
    return {
      hits: this.#hits,
      misses: this.#misses,
      repositories: [...this.#states.values()].filter(({ record }) => record.bytes > 0).length,
      bytes: this.#room.bytes,
      bytesMax: this.#options.bytesMax,
      evictions: this.#room.evictions,
    };
  }

  /** Makes the folder and finds what is in it; its bytes are counted, and evicted beyond the bounds, in the background. */
  async open(): Promise<void> {
    const { folder } = this.#options;
    const { clock, stopping } = this.#modules;
    await mkdir(folder, { recursive: true });
    await this.#found.find();
    this.#inBackground(this.#found.examineAll().then(() => this.#room.make(0)));
    const sweeps = clock.every(sweepIntervalMs, () => this.#sweep());
    if (stopping.aborted) sweeps.cancel();
    else stopping.addEventListener('abort', () => sweeps.cancel(), { once: true });
  }

  /** Waits for work in the background, after `stopping` has aborted. */
  async close(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Runs work on a repository that holds at least what was pushed before this call; its packs stay while it runs. */
  async use<T>(repo: string, signal: AbortSignal, work: (repository: CachedRepository) => Promise<T>): Promise<T> {
    const wanted = await this.#modules.refs.read(repo, signal);
    const { state, release } = await this.#enter(wanted.repo.id);
    try {
      const refs = await abortable(this.#bringUpTo(state, wanted), signal);
      const { path, packsGeneration } = state;
      return await work({ path, refs, packsGeneration, isUnchanged: () => isSame(state.refs, refs) });
    } finally {
      release();
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

  /** Doubts and updates a repository; true when something was mended, just now or lately, and another try makes sense. */
  async mend(refs: RepositoryRefs, signal: AbortSignal): Promise<boolean> {
    this.doubt(refs);
    return await this.use(refs.repo.name, signal, async ({ refs: current }) => {
      const { mendedAtMs } = this.#stateOf(current.repo.id);
      return mendedAtMs !== undefined && this.#modules.clock.monotonicMs() - mendedAtMs < mendedLatelyMs;
    });
  }

  /** Takes over a pack that an accepted push brought, so that it need not be downloaded. */
  async adopt(refs: RepositoryRefs, packName: string, fromPath: string): Promise<void> {
    const { state, release } = await this.#enter(refs.repo.id);
    try {
      await createBareRepository(state.path, refs.snapshot.objectFormat);
      await linkPack(packName, fromPath, state.path);
      await state.record.note(packFileNames(packName).filter((file) => !state.record.has(file)));
      this.#syncLater(state, packName);
    } finally {
      release();
    }
  }

  /** Deletes cached copies, at once or when their last user has ended; a dry run only says what would go. */
  purge(request: RepositoryPurge = {}): Promise<PurgedRepositories> {
    return purgeRepositories(request, { states: this.#states, room: this.#room, found: this.#found });
  }

  /** Holds a repository, once nothing runs alone on it. */
  async #enter(repoId: string): Promise<{ readonly state: RepositoryState; readonly release: () => void }> {
    for (;;) {
      const state = this.#stateOf(repoId); // Another one after an eviction.
      const obstacle = state.alone ?? this.#found.examine(state);
      if (obstacle === undefined) {
        this.#noteUse(state);
        return { state, release: state.hold() };
      }
      await obstacle;
    }
  }

  /**
   * Joins an update that ends where this caller wants to be, or starts one. A hundred requests at once
   * thus share one, however many of them read the refs while it ran.
   */
  async #bringUpTo(state: RepositoryState, wanted: RepositoryRefs): Promise<RepositoryRefs> {
    for (;;) {
      const { update } = state;
      if (update === undefined) return await this.#startUpdate(state, wanted);
      if (state.check === 'none' && covers(update.target, wanted)) return await update.done;
      await update.done.catch(() => undefined); // Whoever asked for it hears of it.
    }
  }

  #startUpdate(state: RepositoryState, wanted: RepositoryRefs): Promise<RepositoryRefs> {
    // A caller that read its refs early and comes late must not turn the repository back.
    const target = state.refs === undefined || covers(wanted, state.refs) ? wanted : state.refs;
    const release = state.hold();
    const done = this.#runUpdate(state, target).finally(() => {
      state.update = undefined;
      release();
    });
    state.update = { target, done };
    return done;
  }

  async #runUpdate(state: RepositoryState, target: RepositoryRefs): Promise<RepositoryRefs> {
    const mendedBeforeMs = state.mendedAtMs;
    const outcome = await this.#tryUpdate(state, target);
    if (outcome.downloaded) this.#misses += 1;
    else this.#hits += 1;
    if (state.mendedAtMs !== mendedBeforeMs) {
      this.#modules.log.warn({ repo: target.repo.name }, 'mended a damaged cached repository');
    }
    if (outcome.changed) {
      const indexing = this.#indexes.consider(state);
      if (indexing !== undefined) this.#inBackground(indexing);
    }
    return target;
  }

  /** Where a file or folder is something else, or goes away in the middle, the repository is made again from nothing, once. */
  async #tryUpdate(state: RepositoryState, target: RepositoryRefs): Promise<UpdateOutcome> {
    try {
      return await this.#update.run(state, target);
    } catch (error) {
      if (!isWrongShape(error)) throw diskError(error, `the cached copy of ${target.repo.name}`);
      this.#modules.log.warn({ repo: target.repo.name, reason: explain(error) }, 'cached repository made again');
      await this.#indexes.drop(state).catch(() => undefined); // It goes with the folder.
      await rm(state.path, { recursive: true, force: true });
      state.record.clear();
      state.retired.clear();
      return await this.#update.run(state, target);
    }
  }

  #noteUse(state: RepositoryState): void {
    const nowMs = this.#modules.clock.nowMs();
    this.#uses += 1;
    state.useOrder = this.#uses;
    state.usedAtMs = nowMs;
    if (nowMs - state.usedAtWrittenMs < usedAtWriteIntervalMs) return;
    state.usedAtWrittenMs = nowMs;
    // Only the order of eviction after a restart depends on it; there is no folder before the first update.
    this.#inBackground(utimes(state.path, nowMs / 1000, nowMs / 1000).catch(() => undefined));
  }

  /**
   * A pushed pack was written without waiting for the disk. Until it is there a loss of power may leave a file of the right
   * size with other bytes, and the next process trusts sizes: this makes it seconds in place of the kernel's half a minute.
   */
  #syncLater(state: RepositoryState, packName: string): void {
    const { stopping } = this.#modules;
    if (this.#syncing.pendingCount >= syncsMax) return; // Then the kernel's half a minute it is.
    this.#inBackground(this.#syncing(() => (stopping.aborted ? undefined : syncPack(state.path, packName))));
  }

  #sweep(): void {
    for (const state of this.#states.values()) if (state.isIdle) this.#tend(state);
    this.#inBackground(this.#room.make(0));
  }

  /** What waited for the last user of a repository to end. */
  #tend(state: RepositoryState): void {
    if (this.#modules.stopping.aborted || this.#states.get(state.id) !== state) return;
    const nowMs = this.#modules.clock.monotonicMs();
    if (state.isUnwanted) this.#inBackground(this.#room.evict(state));
    else if (retiredIsDue(state, nowMs)) this.#inBackground(removeRetired(state, nowMs, this.#indexes));
    else if (this.#room.isOver) this.#inBackground(this.#room.make(0));
  }

  #inBackground(work: Promise<unknown>): void {
    const ended = work
      .then(
        () => undefined,
        (error: unknown) => this.#modules.log.warn({ reason: explain(error) }, 'cached repositories not tended'),
      )
      .finally(() => this.#background.delete(ended));
    this.#background.add(ended);
  }

  #stateOf(repoId: string): RepositoryState {
    const found = this.#states.get(repoId);
    if (found !== undefined) return found;
    const options = { folder: this.#options.folder, usedAtMs: this.#modules.clock.nowMs() };
    const state = new RepositoryState(repoId, options, { onIdle: (idle) => this.#tend(idle) });
    this.#states.set(repoId, state);
    return state;
  }
}

function isSame(now: RepositoryRefs | undefined, { repo }: RepositoryRefs): boolean {
  return now?.repo.refsGeneration === repo.refsGeneration;
}

/** Whether a repository at `refs` holds at least what `wanted` names; generations of one repository only rise. */
function covers({ repo }: RepositoryRefs, wanted: RepositoryRefs): boolean {
  return (
    repo.id === wanted.repo.id &&
    repo.refsGeneration >= wanted.repo.refsGeneration &&
    repo.packsGeneration >= wanted.repo.packsGeneration
  );
}

/** A folder where a file should be, a file where a folder should be, or nothing where something was a moment ago. */
function isWrongShape(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EEXIST', 'ELOOP'].includes(code);
}
