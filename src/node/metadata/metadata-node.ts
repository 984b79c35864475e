import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { MetadataHandlers } from '../../client/metadata-handlers.ts';
import type { MetadataServiceServer, ReplicationServiceServer } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { TopologySource } from '../../topology/topology.ts';
import { JournaledMetadataStore } from './journaled-metadata-store.ts';
import { metadataHandlers, metadataService } from './metadata-service.ts';
import type { MetadataStore } from './metadata-store.ts';
import { RefsCache } from './refs-cache.ts';
import type { RemoteNames } from './remote-names.ts';
import { MetadataReplicas, type MetadataReplicasOptions } from './replication/metadata-replicas.ts';
import type { PartitionAuthority } from './replication/partition-authority.ts';
import type { ReplicaPeers } from './replication/replica-peer.ts';
import type { ReplicationHandlers } from './replication/replication-handlers.ts';
import { replicationService } from './replication-service.ts';
import { RepoPurge } from './repo-purge.ts';
import { readRepoCount } from './state-machine/totals.ts';

/** Values of a metadata node. */
export interface MetadataNodeOptions extends MetadataReplicasOptions {
  /** Folder of the store, made if it is missing; the caller holds its lock. */
  readonly path: string;
  /** Refs that are kept in memory at the most. */
  readonly cachedRefsMax?: number;
}

/** What a metadata node works with. */
export interface MetadataNodeModules {
  readonly topology: TopologySource;
  readonly peers: ReplicaPeers;
  readonly authority: PartitionAuthority;
  readonly names: RemoteNames;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Everything that exists between start and stop. */
interface Opened {
  readonly store: MetadataStore;
  readonly replicas: MetadataReplicas;
  readonly purge: RepoPurge;
  readonly handlers: MetadataHandlers;
}

/** The metadata role: the store, the replicated partitions, and the services. */
export class MetadataNode implements Part {
  readonly name = 'metadata node';
  /** For callers in the same process; they answer NOT_READY before the start, SHUTTING_DOWN after the stop. */
  readonly handlers: MetadataHandlers;
  /** For the gRPC listener. */
  readonly service: MetadataServiceServer;
  readonly replicationService: ReplicationServiceServer;
  readonly #options: MetadataNodeOptions;
  readonly #modules: MetadataNodeModules;
  #opened: Opened | undefined;
  #isStopped = false;

  constructor(options: MetadataNodeOptions, modules: MetadataNodeModules) {
    this.#options = options;
    this.#modules = modules;
    this.handlers = this.#delegates();
    this.service = metadataService(this.handlers);
    this.replicationService = replicationService(this.#replicationDelegates());
  }

  async start(): Promise<void> {
    const { path, cachedRefsMax } = this.#options;
    const { topology, peers, authority, names, clock, random, log } = this.#modules;
    const store = await JournaledMetadataStore.open(path);
    const refs = new RefsCache(cachedRefsMax === undefined ? {} : { refsMax: cachedRefsMax });
    const replicas = new MetadataReplicas(this.#options, { store, topology, peers, authority, refs, clock, log });
    const handlers = metadataHandlers({ partitions: replicas.access, refs, names, random, clock, log });
    const purge = new RepoPurge({ partitions: replicas.access, clock, log });
    this.#opened = { store, replicas, purge, handlers };
    await replicas.start();
    purge.start();
  }

  /** Answers the operations that were accepted, then closes the store. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const opened = this.#opened;
    await opened?.purge.stop();
    await opened?.replicas.stop();
    this.#opened = undefined;
    await opened?.store.close();
  }

  /** Whether it serves. */
  get isReady(): boolean {
    return this.#opened !== undefined && !this.#isStopped;
  }

  /** Resolves when another node has taken over what this one is the primary of, or with the signal. */
  async handedOver(signal: AbortSignal): Promise<void> {
    await this.#opened?.replicas.handedOver(signal);
  }

  /** Repositories that this node serves as their primary. */
  repoCount(): bigint {
    const partitions = [...(this.#opened?.replicas.replicas.values() ?? [])].filter(({ term }) => term !== undefined);
    return partitions.reduce((sum, replica) => sum + replica.peek(readRepoCount), 0n);
  }

  #delegates(): MetadataHandlers {
    return {
      createRepo: async (request, call) => this.#running().handlers.createRepo(request, call),
      deleteRepo: async (request, call) => this.#running().handlers.deleteRepo(request, call),
      restoreRepo: async (request, call) => this.#running().handlers.restoreRepo(request, call),
      renameRepo: async (request, call) => this.#running().handlers.renameRepo(request, call),
      listRepos: async (request, call) => this.#running().handlers.listRepos(request, call),
      getRepo: async (request, call) => this.#running().handlers.getRepo(request, call),
      getRefs: async (request, call) => this.#running().handlers.getRefs(request, call),
      checkRefs: async (request, call) => this.#running().handlers.checkRefs(request, call),
      updateRefs: async (request, call) => this.#running().handlers.updateRefs(request, call),
      replacePacks: async (request, call) => this.#running().handlers.replacePacks(request, call),
      acquireMaintenance: async (request, call) => this.#running().handlers.acquireMaintenance(request, call),
      releaseMaintenance: async (request, call) => this.#running().handlers.releaseMaintenance(request, call),
      setHead: async (request, call) => this.#running().handlers.setHead(request, call),
      getRepoLog: async (request, call) => this.#running().handlers.getRepoLog(request, call),
      reserveName: async (request, call) => this.#running().handlers.reserveName(request, call),
      releaseName: async (request, call) => this.#running().handlers.releaseName(request, call),
      confirmName: async (request, call) => this.#running().handlers.confirmName(request, call),
    };
  }

  /** Replicas answer each other until the very end: what waits here may be committed by it. */
  #replicationDelegates(): ReplicationHandlers {
    return {
      appendEntries: async (request) => this.#open().replicas.appendEntries(request),
      beacon: async (request) => this.#open().replicas.beacon(request),
      fetchSnapshot: (request) => this.#open().replicas.fetchSnapshot(request),
    };
  }

  #running(): Opened {
    if (this.#isStopped) throw new StratumError('SHUTTING_DOWN', `metadata node ${this.#options.nodeId} stops`);
    return this.#open();
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    const { nodeId } = this.#options;
    if (this.#isStopped) throw new StratumError('SHUTTING_DOWN', `metadata node ${nodeId} has stopped`);
    throw new StratumError('NOT_READY', `metadata node ${nodeId} has not opened its store yet`, {
      what: 'metadata store',
    });
  }
}
