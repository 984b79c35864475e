import { assert, StratumError } from '../../base/errors.ts';
import type {
  CacheExplanation,
  CacheStats,
  CloneQuestion,
  MaintenanceProgress,
  MaintenanceRequest,
  Purged,
  PurgeRequest,
  WarmedClone,
} from '../../client/frontend-api.ts';
import type { FetchRequest } from '../../git/fetch-request.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import { findRef, type GitRef } from '../../git/ref-snapshot.ts';
import type { SharedCache } from '../../replication/shared-cache/shared-cache.ts';
import type { BareRepositoryCache } from './bare-repository-cache.ts';
import type { FetchService, NamedFetch } from './fetch-service.ts';
import type { FetchTally } from './fetch-tally.ts';
import type { FrontendControl } from './frontend-control.ts';
import type { Maintenance } from './maintenance/maintenance.ts';
import type { PackCache } from './pack-cache/pack-cache.ts';
import type { PushWarming } from './push-warming.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';

/** What operators' questions are answered from. */
export interface FrontendOperationsModules {
  readonly git: GitRunner;
  readonly refs: RefReader;
  readonly packs: PackCache;
  readonly fetches: FetchService;
  readonly warming: PushWarming;
  readonly repositories: BareRepositoryCache;
  readonly shared: SharedCache;
  readonly maintenance: Maintenance;
  readonly tally: FetchTally;
}

/** A clone of one ref, ready to be looked up. */
interface AskedClone {
  readonly refs: RepositoryRefs;
  readonly ref: GitRef;
  readonly fetch: NamedFetch;
}

/** What operators may ask of this frontend. */
export class FrontendOperations implements FrontendControl {
  readonly #modules: FrontendOperationsModules;

  constructor(modules: FrontendOperationsModules) {
    this.#modules = modules;
  }

  stats(): CacheStats {
    const { packs, repositories, shared, git, tally } = this.#modules;
    const kept = packs.stats;
    const cached = repositories.counters;
    return {
      hits: kept.hits,
      joins: kept.joins,
      misses: kept.misses,
      bypasses: tally.bypasses,
      sharedHits: shared.counters.hits,
      sharedMisses: shared.counters.misses,
      hitBytes: kept.hitBytes,
      savedMs: kept.savedMs,
      entries: kept.entries,
      entryBytes: kept.bytes,
      entryBytesMax: kept.bytesMax,
      repositories: cached.repositories,
      repositoryBytes: cached.bytes,
      repositoryBytesMax: cached.bytesMax,
      gitProcesses: git.running,
      gitQueue: git.queued,
      warmed: tally.prepared,
      evictions: kept.evictions,
      unstored: kept.unstored,
    };
  }

  async explain(question: CloneQuestion, signal: AbortSignal): Promise<CacheExplanation> {
    const { fetch, ref } = await this.#find(question, signal);
    const { verdict, reason, entry } = this.#modules.fetches.explain(fetch);
    return { verdict, reason, entry, key: fetch.key, ref: ref.name, objectId: ref.objectId };
  }

  async warm(question: CloneQuestion, signal: AbortSignal): Promise<WarmedClone> {
    const { fetch, ref, refs } = await this.#find(question, signal);
    const { wasStored, isStored, bytes } = await this.#modules.fetches.prepare(fetch, refs, signal);
    if (isStored) return { wasStored, sizeBytes: bytes, ref: ref.name, objectId: ref.objectId };
    const hint = 'look at cache.packBytesMax, cache.packEntryBytesMax and the free room of the frontend’s disk';
    const limit = { what: 'pack cache', limit: BigInt(this.#modules.packs.stats.bytesMax), actual: BigInt(bytes) };
    throw new StratumError('DISK_FULL', `the response of ${bytes} bytes was made and could not be kept`, limit, {
      hint,
    });
  }

  async purge({ repo, repositories, dryRun }: PurgeRequest, signal: AbortSignal): Promise<Purged> {
    const tag = repo === undefined ? undefined : (await this.#modules.refs.read(repo, signal)).repo.id;
    const dropped = await this.#modules.packs.purge({ tag, dryRun });
    const bare = repositories ? await this.#modules.repositories.purge({ repoId: tag, dryRun }) : undefined;
    return {
      entries: dropped.entries,
      entryBytes: dropped.bytes,
      repositories: bare?.repositories ?? 0,
      repositoryBytes: bare?.bytes ?? 0,
    };
  }

  maintain({ repo, full, dryRun }: MaintenanceRequest, signal: AbortSignal): AsyncIterable<MaintenanceProgress> {
    return this.#modules.maintenance.run(repo, { full, dryRun }, signal);
  }

  async #find({ repo, ref: name, depth }: CloneQuestion, signal: AbortSignal): Promise<AskedClone> {
    const { refs: reader, fetches, warming } = this.#modules;
    const refs = await reader.read(repo, signal);
    const { snapshot } = refs;
    const ref = findRef(snapshot, name ?? 'HEAD');
    if (ref === undefined) {
      const id = name ?? snapshot.head;
      throw new StratumError('NOT_FOUND', `repository ${repo} has no ref ${id}`, { kind: 'ref', id });
    }
    // Runners differ in what they ask for beside the depth; those of this repository are the likeliest to come again.
    const habit = warming.lastHabit(refs.repo.id) ?? shallowClone;
    const fetch = fetches.nameFetch(refs, { ...habit, wants: [ref.objectId], depth });
    assert(fetch !== undefined, 'a clone of one object by its id always has a name');
    return { refs, ref, fetch };
  }
}

/** What `git clone --depth=N` asks for, from git 2.20 on. */
const shallowClone: FetchRequest = {
  wants: [],
  wantRefs: [],
  haves: [],
  shallows: [],
  depth: 1,
  deepenSince: undefined,
  deepenNots: [],
  filter: undefined,
  options: new Set(['include-tag', 'ofs-delta', 'no-progress', 'done']),
};
