import { StratumError } from '../base/errors.ts';
import type { ListReposRequest, ListReposResponse, UpdateRefsRequest } from '../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataApi, MetadataCallOptions } from './metadata-api.ts';
import { MetadataCall, type MetadataCallModules } from './metadata-call.ts';
import type { MetadataMethodName, MetadataRequest, MetadataResponse } from './metadata-handlers.ts';
import { assertChangeSize } from './metadata-limits.ts';
import { metadataMethods } from './metadata-methods.ts';
import { encodePageToken, pageSizeOf } from './metadata-page-token.ts';
import { type FindRoute, primaryIds, toNode, toPrimaryOf } from './metadata-routes.ts';

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

/**
 * The metadata service of the cluster: each call goes to the primary of the repository's partition,
 * in process where that is this one. What is retried, and what a failed retry means, is the table
 * in metadata-methods.ts.
 */
export class MetadataClient implements MetadataApi {
  readonly #options: MetadataClientOptions;
  readonly #modules: MetadataCallModules;
  readonly #call: MetadataCall;

  constructor(options: MetadataClientOptions, modules: MetadataCallModules) {
    this.#options = options;
    this.#modules = modules;
    this.#call = new MetadataCall(modules);
  }

  createRepo(request: MetadataRequest<'createRepo'>, options?: MetadataCallOptions) {
    return this.#run('createRepo', request, toPrimaryOf(request.name), options);
  }

  deleteRepo(request: MetadataRequest<'deleteRepo'>, options?: MetadataCallOptions) {
    return this.#run('deleteRepo', request, toPrimaryOf(request.name), options);
  }

  getRepo(request: MetadataRequest<'getRepo'>, options?: MetadataCallOptions) {
    return this.#run('getRepo', request, toPrimaryOf(request.name), options);
  }

  getRefs(request: MetadataRequest<'getRefs'>, options?: MetadataCallOptions) {
    return this.#run('getRefs', request, toPrimaryOf(request.repo), options);
  }

  async updateRefs(request: UpdateRefsRequest, options?: MetadataCallOptions) {
    assertChangeSize(request.commands, request.packs);
    return this.#run('updateRefs', request, toPrimaryOf(request.repo), options);
  }

  async replacePacks(request: MetadataRequest<'replacePacks'>, options?: MetadataCallOptions) {
    assertChangeSize([], [...request.add, ...request.remove]);
    return this.#run('replacePacks', request, toPrimaryOf(request.repo), options);
  }

  setHead(request: MetadataRequest<'setHead'>, options?: MetadataCallOptions) {
    return this.#run('setHead', request, toPrimaryOf(request.repo), options);
  }

  getRepoLog(request: MetadataRequest<'getRepoLog'>, options?: MetadataCallOptions) {
    return this.#run('getRepoLog', request, toPrimaryOf(request.repo), options);
  }

  /**
   * Asks every primary for its share of the page and merges by name. A primary that does not answer
   * fails the call: a list with repositories missing would say that they are gone.
   */
  async listRepos(request: ListReposRequest, options?: MetadataCallOptions): Promise<ListReposResponse> {
    const pageSize = pageSizeOf(request.pageSize);
    const nodeIds = primaryIds(this.#modules.topology.current());
    const shares = await Promise.all(
      nodeIds.map((nodeId) => this.#run('listRepos', { ...request, pageSize }, toNode(nodeId), options)),
    );
    const found = shares.flatMap(({ repos }) => repos).sort((a, b) => (a.name < b.name ? -1 : 1));
    const repos = found.slice(0, pageSize);
    const last = repos.at(-1);
    const hasMore = found.length > pageSize || shares.some(({ nextPageToken }) => nextPageToken !== '');
    return { repos, nextPageToken: hasMore && last !== undefined ? encodePageToken(last.name) : '' };
  }

  #run<Name extends MetadataMethodName>(
    name: Name,
    request: MetadataRequest<Name>,
    find: FindRoute,
    { timeoutMs: given, signal }: MetadataCallOptions = {},
  ): Promise<MetadataResponse<Name>> {
    const method = metadataMethods[name];
    const { readTimeoutMs = defaultReadTimeoutMs, writeTimeoutMs = defaultWriteTimeoutMs } = this.#options;
    const timeoutMs = given ?? (method.rule === 'read' ? readTimeoutMs : writeTimeoutMs);
    if (!(timeoutMs > 0)) {
      const reason = `timeoutMs is ${timeoutMs}`;
      return Promise.reject(new StratumError('INVALID_ARGUMENT', reason, { field: 'timeoutMs', reason }));
    }
    const { attemptTimeoutMs = timeoutMs / 2 } = this.#options;
    return this.#call.run(name, method, request, find, { timeoutMs, attemptTimeoutMs, signal });
  }
}
