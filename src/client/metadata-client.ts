import { hasCode, StratumError } from '../base/errors.ts';
import type {
  AcquireMaintenanceRequest,
  ConfirmNameRequest,
  CreateRepoRequest,
  DeleteRepoRequest,
  DeleteRepoResponse,
  GetRefsResponse,
  GetRepoRequest,
  ListReposResponse,
  ReleaseMaintenanceRequest,
  ReleaseNameRequest,
  RenameRepoRequest,
  ReserveNameRequest,
  RestoreRepoResponse,
  SetHeadRequest,
  UpdateRefsRequest,
} from '../rpc/gen/stratum/v1/metadata.ts';
import { partitionOfRepo } from '../topology/partitioning.ts';
import { findDeletedRepo } from './find-deleted-repo.ts';
import type {
  GetRefsQuery,
  GetRepoLogQuery,
  ListReposQuery,
  MetadataApi,
  MetadataCallOptions,
  ReplacePacksQuery,
  RestoreRepoQuery,
} from './metadata-api.ts';
import { MetadataCall, type MetadataCallLimits, type MetadataCallModules } from './metadata-call.ts';
import type { MetadataMethodName, MetadataRequest, MetadataResponse } from './metadata-handlers.ts';
import { assertChangeSize } from './metadata-limits.ts';
import { metadataMethods } from './metadata-methods.ts';
import { pageSizeOf } from './metadata-page-token.ts';
import { PrimaryHints } from './primary-hints.ts';
import { RefChecks, type RefChecksModules } from './ref-checks.ts';
import { listAllRepos } from './repo-listing.ts';
import { RepoHomes, RepoLookup } from './repo-lookup.ts';

/** Timings of the client, in milliseconds. */
export interface MetadataClientOptions {
  /** For a read with its retries; 10 s unless given. */
  readonly readTimeoutMs?: number;
  /** For a write with its retries; 30 s unless given: a push of 100,000 refs takes seconds. */
  readonly writeTimeoutMs?: number;
  /** For one try where another may follow; half of the call's time unless given. */
  readonly attemptTimeoutMs?: number;
}

const defaultReadTimeoutMs = 10_000;
const defaultWriteTimeoutMs = 30_000;

/** Drawn for each creation that has none. */
const requestIdBytes = 16;

/** Methods that a repository's name finds its way with. */
type NamedMethodName = Exclude<
  MetadataMethodName,
  'createRepo' | 'listRepos' | 'restoreRepo' | 'checkRefs' | `${string}Name`
>;

/**
 * The metadata service of the cluster: each call goes to the primary of the repository's partition,
 * in process where that is this one. It follows what the nodes answer (another primary, another
 * partition) before the topology knows. What is retried, and what a failed retry means, is the table
 * in metadata-methods.ts. Metadata nodes too use it, for names of other partitions.
 */
export class MetadataClient implements MetadataApi {
  readonly #options: MetadataClientOptions;
  readonly #modules: MetadataCallModules;
  readonly #call: MetadataCall;
  readonly #hints = new PrimaryHints();
  readonly #homes = new RepoHomes();
  readonly #checks: RefChecks;

  constructor(options: MetadataClientOptions, modules: MetadataCallModules) {
    this.#options = options;
    this.#modules = modules;
    this.#call = new MetadataCall(modules);
    const { readTimeoutMs = defaultReadTimeoutMs, attemptTimeoutMs: callTimeoutMs = readTimeoutMs / 2 } = options;
    const { clock, topology, local } = modules;
    const call: RefChecksModules['call'] = (request, find, limits) =>
      this.#call.attempt('checkRefs', () => request, find, limits);
    const ways = { hints: this.#hints, homes: this.#homes };
    this.#checks = new RefChecks({ callTimeoutMs }, { clock, topology, local, call, ...ways });
  }

  createRepo(request: CreateRepoRequest, options?: MetadataCallOptions) {
    const { requestId = this.#modules.random.bytes(requestIdBytes) } = request;
    return this.#toPartitionOf('createRepo', request.name, { ...request, requestId }, options);
  }

  /** A repository that is not there is success, wherever it is not. */
  async deleteRepo(request: DeleteRepoRequest, options?: MetadataCallOptions): Promise<DeleteRepoResponse> {
    try {
      return await this.#toRepo('deleteRepo', request.name, request, options);
    } catch (error) {
      if (hasCode(error, 'REPO_NOT_FOUND')) return { deleted: false };
      throw error;
    }
  }

  /** REPO_NOT_FOUND when there is no such deleted repository, INVALID_ARGUMENT when several had the name. */
  async restoreRepo(request: RestoreRepoQuery, options: MetadataCallOptions = {}): Promise<RestoreRepoResponse> {
    const { clock } = this.#modules;
    const limits = this.#limitsOf('restoreRepo', options);
    const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
    const found = await findDeletedRepo(request, (query) => this.listRepos(query, options));
    const timeoutMs = Math.max(1, deadlineMs - clock.monotonicMs());
    const asked = { id: found.id, name: found.name, newName: request.newName ?? '', home: found.partition };
    return this.#toPartition('restoreRepo', () => found.partition, asked, { ...options, timeoutMs });
  }

  async renameRepo(request: RenameRepoRequest, options?: MetadataCallOptions) {
    const answer = await this.#toRepo('renameRepo', request.name, request, options);
    for (const name of [request.name, request.newName]) this.#homes.forget(name);
    return answer;
  }

  getRepo(request: GetRepoRequest, options?: MetadataCallOptions) {
    return this.#toRepo('getRepo', request.name, request, options);
  }

  /** Whoever has all refs already asks together with others whether they are current, and alone when they are not. */
  async getRefs(request: GetRefsQuery, options?: MetadataCallOptions): Promise<GetRefsResponse> {
    const asked = { prefixes: [], ...request };
    if (asked.ifRepoId === '' || asked.prefixes.length > 0) {
      return this.#toRepo('getRefs', asked.repo, asked, options);
    }
    const { clock } = this.#modules;
    const limits = this.#limitsOf('getRefs', options);
    const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
    const repo = await this.#checks.unchanged(asked, limits);
    if (repo !== undefined) return { notModified: true, repo, refs: [] };
    const timeoutMs = Math.max(1, deadlineMs - clock.monotonicMs());
    return this.#toRepo('getRefs', asked.repo, asked, { ...options, timeoutMs });
  }

  async updateRefs(request: UpdateRefsRequest, options?: MetadataCallOptions) {
    assertChangeSize(request.commands, request.packs);
    return this.#toRepo('updateRefs', request.repo, request, options);
  }

  async replacePacks(request: ReplacePacksQuery, options?: MetadataCallOptions) {
    assertChangeSize([], [...request.add, ...request.remove]);
    return this.#toRepo('replacePacks', request.repo, { allowAdded: false, ...request }, options);
  }

  acquireMaintenance(request: AcquireMaintenanceRequest, options?: MetadataCallOptions) {
    return this.#toRepo('acquireMaintenance', request.repo, request, options);
  }

  releaseMaintenance(request: ReleaseMaintenanceRequest, options?: MetadataCallOptions) {
    return this.#toRepo('releaseMaintenance', request.repo, request, options);
  }

  setHead(request: SetHeadRequest, options?: MetadataCallOptions) {
    return this.#toRepo('setHead', request.repo, request, options);
  }

  getRepoLog(request: GetRepoLogQuery, options?: MetadataCallOptions) {
    return this.#toRepo('getRepoLog', request.repo, { ref: '', ...request }, options);
  }

  /** A primary that does not answer fails the call: a list with repositories missing would say that they are gone. */
  async listRepos(request: ListReposQuery, options?: MetadataCallOptions): Promise<ListReposResponse> {
    const asked = { deleted: false, partitions: [], ...request, pageSize: pageSizeOf(request.pageSize) };
    const limits = this.#limitsOf('listRepos', options);
    return listAllRepos(asked, limits, { ...this.#modules, call: this.#call, hints: this.#hints });
  }

  reserveName(request: ReserveNameRequest, options?: MetadataCallOptions) {
    return this.#toPartitionOf('reserveName', request.name, request, options);
  }

  releaseName(request: ReleaseNameRequest, options?: MetadataCallOptions) {
    return this.#toPartitionOf('releaseName', request.name, request, options);
  }

  confirmName(request: ConfirmNameRequest, options?: MetadataCallOptions) {
    return this.#toPartition('confirmName', () => request.home, request, options);
  }

  /** To where the repository is, which may be another partition than its name leads to. */
  async #toRepo<Name extends NamedMethodName>(
    name: Name,
    repo: string,
    request: MetadataRequest<Name>,
    options?: MetadataCallOptions,
  ): Promise<MetadataResponse<Name>> {
    const { topology } = this.#modules;
    const lookup = new RepoLookup({ name: repo, home: request.home }, { homes: this.#homes });
    const question = {
      request: () => ({ ...request, home: lookup.home }),
      find: (at: ReturnType<typeof topology.current>) =>
        this.#hints.route(at, lookup.home ?? partitionOfRepo(at, repo).id),
      learn: (failure: StratumError) => lookup.learn(failure) || this.#hints.learn(failure, topology.current()),
    };
    return this.#call.run(name, question, this.#limitsOf(name, options));
  }

  /** To the partition that a name leads to. */
  async #toPartitionOf<Name extends MetadataMethodName>(
    name: Name,
    repo: string,
    request: MetadataRequest<Name>,
    options?: MetadataCallOptions,
  ): Promise<MetadataResponse<Name>> {
    const { topology } = this.#modules;
    return this.#toPartition(name, () => partitionOfRepo(topology.current(), repo).id, request, options);
  }

  async #toPartition<Name extends MetadataMethodName>(
    name: Name,
    partition: () => number,
    request: MetadataRequest<Name>,
    options?: MetadataCallOptions,
  ): Promise<MetadataResponse<Name>> {
    const { topology } = this.#modules;
    const question = {
      request: () => request,
      find: (at: ReturnType<typeof topology.current>) => this.#hints.route(at, partition()),
      learn: (failure: StratumError) => this.#hints.learn(failure, topology.current()),
    };
    return this.#call.run(name, question, this.#limitsOf(name, options));
  }

  #limitsOf(name: MetadataMethodName, { timeoutMs: given, signal }: MetadataCallOptions = {}): MetadataCallLimits {
    const { readTimeoutMs = defaultReadTimeoutMs, writeTimeoutMs = defaultWriteTimeoutMs } = this.#options;
    const timeoutMs = given ?? (metadataMethods[name].rule === 'read' ? readTimeoutMs : writeTimeoutMs);
    if (!(timeoutMs > 0)) {
      const reason = `timeoutMs is ${timeoutMs}`;
      throw new StratumError('INVALID_ARGUMENT', reason, { field: 'timeoutMs', reason });
    }
    const { attemptTimeoutMs = timeoutMs / 2 } = this.#options;
    return { timeoutMs, attemptTimeoutMs, signal };
  }
}
