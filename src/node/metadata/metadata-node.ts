import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { MetadataHandlers } from '../../client/metadata-handlers.ts';
import type { MetadataServiceServer } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { TopologySource } from '../../topology/topology.ts';
import { MetadataReads } from './metadata-reads.ts';
import { metadataHandlers, metadataService } from './metadata-service.ts';
import { MetadataStore } from './metadata-store.ts';
import { OperationQueue, type OperationQueueOptions } from './operation-queue.ts';
import { PrimaryDuties } from './primary-duties.ts';
import { RefsCache } from './refs-cache.ts';
import { readRepoCount } from './state-machine/totals.ts';

/** Values of a metadata node. */
export interface MetadataNodeOptions {
  readonly nodeId: string;
  /** Folder of the store, made if it is missing; the caller holds its lock. */
  readonly path: string;
  readonly queue?: OperationQueueOptions;
  /** Refs that are kept in memory at the most. */
  readonly cachedRefsMax?: number;
}

/** What a metadata node works with. */
export interface MetadataNodeModules {
  readonly topology: TopologySource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Everything that exists between start and stop. */
interface Opened {
  readonly store: MetadataStore;
  readonly duties: PrimaryDuties;
  readonly operations: OperationQueue;
  readonly handlers: MetadataHandlers;
}

/** The metadata role: the store, the log's queue, and the service. */
export class MetadataNode implements Part {
  readonly name = 'metadata node';
  /** For callers in the same process; they answer NOT_READY before the start, SHUTTING_DOWN after the stop. */
  readonly handlers: MetadataHandlers;
  /** For the gRPC listener. */
  readonly service: MetadataServiceServer;
  readonly #options: MetadataNodeOptions;
  readonly #modules: MetadataNodeModules;
  #opened: Opened | undefined;
  #isStopped = false;

  constructor(options: MetadataNodeOptions, modules: MetadataNodeModules) {
    this.#options = options;
    this.#modules = modules;
    this.handlers = this.#delegates();
    this.service = metadataService(this.handlers);
  }

  start(): Promise<void> {
    const { nodeId, path, queue = {}, cachedRefsMax } = this.#options;
    const { topology, clock, random, log } = this.#modules;
    const store = MetadataStore.open(path);
    const duties = new PrimaryDuties({ nodeId }, { topology });
    const refs = new RefsCache(cachedRefsMax === undefined ? {} : { refsMax: cachedRefsMax });
    const reads = new MetadataReads({ store, duties });
    const operations = new OperationQueue(queue, { store, duties, refs, clock, log });
    this.#opened = { store, duties, operations, handlers: metadataHandlers({ reads, operations, refs, random }) };
    return Promise.resolve();
  }

  /** Answers all operations that were accepted, then closes the store. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const opened = this.#opened;
    await opened?.operations.stop();
    this.#opened = undefined;
    await opened?.store.close();
  }

  /** Whether it serves. */
  get isReady(): boolean {
    return this.#opened !== undefined && !this.#isStopped;
  }

  /** Repositories that this node is the primary of; 0 while it does not know its partitions. */
  repoCount(): bigint {
    if (this.#opened === undefined) return 0n;
    const { store, duties } = this.#opened;
    return store.read((snapshot) =>
      duties.known().reduce((sum, { partition }) => sum + readRepoCount(snapshot.state(partition)), 0n),
    );
  }

  #delegates(): MetadataHandlers {
    return {
      createRepo: async (request, call) => this.#running().createRepo(request, call),
      deleteRepo: async (request, call) => this.#running().deleteRepo(request, call),
      listRepos: async (request, call) => this.#running().listRepos(request, call),
      getRepo: async (request, call) => this.#running().getRepo(request, call),
      getRefs: async (request, call) => this.#running().getRefs(request, call),
      updateRefs: async (request, call) => this.#running().updateRefs(request, call),
      replacePacks: async (request, call) => this.#running().replacePacks(request, call),
      setHead: async (request, call) => this.#running().setHead(request, call),
      getRepoLog: async (request, call) => this.#running().getRepoLog(request, call),
    };
  }

  #running(): MetadataHandlers {
    const { nodeId } = this.#options;
    if (this.#isStopped) throw new StratumError('SHUTTING_DOWN', `metadata node ${nodeId} stops`);
    if (this.#opened !== undefined) return this.#opened.handlers;
    throw new StratumError('NOT_READY', `metadata node ${nodeId} has not opened its store yet`, {
      what: 'metadata store',
    });
  }
}
