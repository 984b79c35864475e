import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import type { Clock } from '../../../base/clock.ts';
import { StratumError } from '../../../base/errors.ts';
import type { MetadataApi } from '../../../client/metadata-api.ts';
import type { ObjectApi } from '../../../replication/object-api.ts';
import type { GetRepoResponse, PackRef } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { syncFolder } from '../../../store/durable-file.ts';
import {
  createBareRepository,
  listPackNames,
  packFileNames,
  removeForeign,
  topFiles,
  writeRefs,
} from '../bare-repository.ts';
import { formatFromWire } from '../object-format.ts';
import { downloadFile, isIntact, type PackFile, packFilesOf } from '../pack-download.ts';
import type { RepositoryRefs } from '../ref-reader.ts';
import type { CrossPackIndex } from './cross-pack-index.ts';
import type { FileCheck, RepositoryState } from './repository-state.ts';
import { removePacks } from './retired-packs.ts';

/** What bounds updates. */
export interface RepositoryUpdateOptions {
  /** Files that are downloaded at once, over all repositories. */
  readonly downloadsMax: number;
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
  /** Milliseconds for which a pack stays on disk after it was found listed no more. */
  readonly packGraceMs: number;
}

/** What updates work with. */
export interface RepositoryUpdateModules {
  readonly clock: Clock;
  readonly metadata: MetadataApi;
  readonly objects: ObjectApi;
  readonly indexes: CrossPackIndex;
  /** Makes room for bytes that are about to be downloaded. */
  readonly makeRoom: (bytes: number) => Promise<void>;
  readonly stopping: AbortSignal;
}

/** What an update did. */
export interface UpdateOutcome {
  /** Files were downloaded. */
  readonly downloaded: boolean;
  /** Something was written or deleted. */
  readonly changed: boolean;
}

/** Brings the folder of one cached repository up to refs that were read: the caller sees to it that one runs at a time. */
export class RepositoryUpdate {
  readonly #options: RepositoryUpdateOptions;
  readonly #modules: RepositoryUpdateModules;
  readonly #download: ReturnType<typeof pLimit>;

  constructor(options: RepositoryUpdateOptions, modules: RepositoryUpdateModules) {
    this.#options = options;
    this.#modules = modules;
    this.#download = pLimit(options.downloadsMax);
  }

  /**
   * Downloads the listed packs that are missing or damaged, writes config, refs and HEAD, and retires
   * packs that are listed no more, or removes them where they may hold dropped objects. Nothing is done
   * but looking at files when all is as it should be.
   */
  async run(state: RepositoryState, target: RepositoryRefs): Promise<UpdateOutcome> {
    const touched = await state.record.touched();
    if (touched.length === 0 && state.check === 'none' && isUpTo(state, target)) {
      state.refs = target;
      return { downloaded: false, changed: false };
    }
    // Refs were read before packs: then every ref's objects are in a listed pack, whatever is pushed in between.
    const listed = await this.#list(target);
    const { check } = state;
    state.check = 'none'; // Whoever doubts it from here on is heard by the next update.
    try {
      const doubted = check !== 'none' || touched.length > 0;
      if (doubted) await this.#modules.indexes.drop(state);
      state.record.forget(touched);
      let mended = touched.length;
      if (check === 'content') mended += await removeForeign(state.path);
      await createBareRepository(state.path, formatFromWire(target.repo.objectFormat));
      const packs = await this.#syncPacks(state, listed.packs, check);
      await writeRefs(state.path, target.snapshot);
      await state.record.note(topFiles);
      await this.#leaveListed(state, listed.repo, check === 'content' || touched.length > 0);
      mended += packs.mended;
      if (state.refs !== undefined && mended > 0) state.mendedAtMs = this.#modules.clock.monotonicMs();
      state.refs = target;
      state.packsGeneration = listed.repo.packsGeneration;
      return { downloaded: packs.downloaded, changed: true };
    } catch (error) {
      if (state.check === 'none') state.check = check === 'none' ? 'size' : check;
      throw error;
    }
  }

  async #list({ repo }: RepositoryRefs): Promise<GetRepoResponse & { readonly repo: RepositoryRefs['repo'] }> {
    const request = { name: repo.name, includePacks: true };
    const listed = await this.#modules.metadata.getRepo(request, { timeoutMs: this.#options.metadataTimeoutMs });
    if (listed.repo !== undefined && listed.repo.id === repo.id) return { ...listed, repo: listed.repo };
    throw new StratumError('VERSION_CONFLICT', `repository ${repo.name} was made again while it was read`, {
      what: repo.name,
      expected: repo.id,
      current: listed.repo?.id ?? '',
    });
  }

  async #syncPacks(
    state: RepositoryState,
    packs: readonly PackRef[],
    check: FileCheck,
  ): Promise<{ readonly mended: number; readonly downloaded: boolean }> {
    const present = await listPackNames(state.path);
    const missing: PackFile[][] = [];
    let mended = 0;
    for (const pack of packs) {
      const files = packFilesOf(state.path, pack);
      const lacking = present.has(pack.name) ? await this.#damagedOf(state, files, check) : files;
      const wasThere = present.has(pack.name) || state.listed.has(pack.name);
      if (lacking.length > 0) missing.push(lacking);
      if (wasThere) mended += lacking.length;
    }
    await this.#fetch(state, missing);
    const kept = packs.flatMap((pack) => packFilesOf(state.path, pack)).map(recordName);
    await state.record.note(kept.filter((file) => !state.record.has(file)));
    state.listed = new Set(packs.map(({ name }) => name));
    return { mended, downloaded: missing.length > 0 };
  }

  /** The first update of a process trusts sizes; later a file that is not recorded is one that somebody touched. */
  async #damagedOf(state: RepositoryState, files: readonly PackFile[], check: FileCheck): Promise<PackFile[]> {
    const { stopping } = this.#modules;
    const intact = await Promise.all(
      files.map((file) => {
        if (check === 'content') return isIntact(file, 'content', stopping);
        if (state.record.has(recordName(file))) return check === 'none' || isIntact(file, 'size', stopping);
        return isIntact(file, state.refs === undefined ? 'size' : 'content', stopping);
      }),
    );
    return files.filter((_, at) => !intact[at]);
  }

  async #fetch(state: RepositoryState, packs: readonly (readonly PackFile[])[]): Promise<void> {
    if (packs.length === 0) return;
    const { objects, stopping, makeRoom } = this.#modules;
    const files = packs.flat();
    state.record.forget(files.map(recordName));
    await makeRoom(files.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0));
    // All are awaited before a failure is passed on, so that no download outlives its update.
    const results = await Promise.allSettled(
      packs.map(async (pack) => {
        // One after another: the index comes last and makes the pack visible to git.
        for (const file of pack) await this.#download(() => downloadFile(file, objects, stopping));
      }),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await syncFolder(join(state.path, 'objects', 'pack'));
  }

  /**
   * What the last update's list held is in the newest one unless objects were dropped since, and of what an older process
   * left nothing is known. Then all that is not listed goes here and now, whoever holds the repository: no push may build
   * on it. Git finds every other object in the listed packs, which are here; a fetch that stands in such a pack breaks off.
   */
  async #leaveListed(state: RepositoryState, repo: RepositoryRefs['repo'], isSuspect: boolean): Promise<void> {
    const present = await listPackNames(state.path);
    const unlisted = [...present].filter((name) => !state.listed.has(name));
    const isFirst = state.refs === undefined;
    const hasDropped = (repo.packsDroppedGeneration ?? -1n) > state.packsGeneration;
    if (isFirst || hasDropped) await removePacks(state, unlisted, this.#modules.indexes);
    await this.#retire(state, isFirst || hasDropped ? [] : unlisted, isSuspect);
  }

  /**
   * A pack that others have superseded stays for its grace: whoever opened it still finds its objects, and the list has
   * all of them. It has no blob any more to be compared with, so that a suspect one goes at once.
   */
  async #retire(state: RepositoryState, unlisted: readonly string[], isSuspect: boolean): Promise<void> {
    const nowMs = this.#modules.clock.monotonicMs();
    const dueMs = isSuspect ? nowMs : nowMs + this.#options.packGraceMs;
    const known = new Map(state.retired);
    state.retired.clear();
    for (const name of unlisted) state.retired.set(name, Math.min(dueMs, known.get(name) ?? dueMs));
    await state.record.note(unlisted.flatMap(packFileNames).filter((file) => !state.record.has(file)));
  }
}

function recordName({ path }: PackFile): string {
  return join('objects', 'pack', basename(path));
}

function isUpTo(state: RepositoryState, { repo }: RepositoryRefs): boolean {
  return state.refs?.repo.refsGeneration === repo.refsGeneration && state.packsGeneration === repo.packsGeneration;
}
