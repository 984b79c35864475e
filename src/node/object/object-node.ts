import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { assert, explain } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { MiB } from '../../base/units.ts';
import { InProcessNode } from '../../replication/in-process-node.ts';
import type { CacheNode } from '../../replication/shared-cache/cache-node.ts';
import type { ObjectServiceServer } from '../../rpc/gen/stratum/v1/object.ts';
import type { SmallBlobHandlers } from '../../rpc/small-blob-services.ts';
import type { BlobStore, BlobStoreStats } from '../../store/blob-store.ts';
import { DiskBlobStore } from '../../store/disk-blob-store.ts';
import type { Durability } from '../../store/durability.ts';
import type { StoreObserver } from '../../store/store-observer.ts';
import type { Topology, TopologySource } from '../../topology/topology.ts';
import { CacheStore } from './cache-store.ts';
import { FenceGuard } from './fence-guard.ts';
import { blobRequests } from './http/blob-requests.ts';
import { LocalCacheNode } from './local-cache-node.ts';
import { objectService } from './object-service.ts';
import { getBlobs } from './rpc/get-blobs.ts';
import { putBlobs } from './rpc/put-blobs.ts';

/** Values of an object node. */
export interface ObjectNodeOptions {
  readonly nodeId: string;
  /** The node's own folder inside the data folder, which the caller has opened and locked. */
  readonly path: string;
  /** Bytes of the disk that writes leave free; 64 MiB unless given. */
  readonly freeBytesMin?: number;
  /** The most that entries of the shared cache may take, in bytes; 0, as unless given, for none. */
  readonly cacheBytesMax?: number;
  /** What an acknowledged write has behind it; `disk` unless given. */
  readonly durability?: Durability;
}

/** What an object node needs. */
export interface ObjectNodeModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Raises the fence as soon as this process hears of a newer term or ring. */
  readonly topology: TopologySource;
  /** Is told of the store's disk. */
  readonly observer?: StoreObserver;
}

/** What is there between start and stop. */
interface Opened {
  readonly store: BlobStore;
  readonly cache: CacheStore;
  readonly fence: FenceGuard;
  readonly service: ObjectServiceServer;
  readonly http: RequestListener;
  readonly streams: SmallBlobHandlers;
  readonly inProcess: InProcessNode;
  readonly inProcessCache: CacheNode;
}

/** Bytes of the disk that writes leave free unless it is said: room for LMDB's copy-on-write pages of many deletes. */
const freeBytesDefault = 64 * MiB;

/** After an unclean stop the files of a large store are compared with its records: a million take a few minutes. */
const startTimeoutMs = 300_000;

/**
 * The object role of a process: the blobs in its data folder and the service over them. Host
 * `service` on the gRPC listener after the start, and stop the listener first.
 */
export class ObjectNode implements Part {
  readonly name = 'object node';
  readonly startTimeoutMs = startTimeoutMs;
  readonly nodeId: string;
  readonly #options: ObjectNodeOptions;
  readonly #modules: ObjectNodeModules;
  #opened: Opened | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: ObjectNodeOptions, modules: ObjectNodeModules) {
    this.nodeId = options.nodeId;
    this.#options = options;
    this.#modules = modules;
  }

  /** Opens the cache, then the store. */
  async start(): Promise<void> {
    const { topology } = this.#modules;
    const cache = await this.#openCache();
    try {
      this.#opened = await this.#open(cache);
    } catch (error) {
      await cache.close();
      throw error;
    }
    this.#unsubscribe = topology.subscribe((next) => this.#raiseFence(next));
    const current = topology.current();
    if (current !== undefined) this.#raiseFence(current);
  }

  /** Closes the store; all calls have ended. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    const opened = this.#opened;
    this.#opened = undefined;
    // A write that goes on would meet whoever opens the folder next, or removes it.
    await opened?.fence.settled();
    await opened?.store.close();
    await opened?.cache.close();
  }

  /** The service for the gRPC listener. */
  get service(): ObjectServiceServer {
    return this.#running().service;
  }

  /** Large blobs over HTTP/1.1, for the same listener. */
  get http(): RequestListener {
    return this.#running().http;
  }

  /** Small blobs over streams of frames, for the same listener. */
  get streams(): SmallBlobHandlers {
    return this.#running().streams;
  }

  /** For readers and writers of the same process; the fence stands before it as before the service. */
  get inProcess(): InProcessNode {
    return this.#running().inProcess;
  }

  /** The shared cache's entries of this node, for a frontend of the same process. */
  get inProcessCache(): CacheNode {
    return this.#running().inProcessCache;
  }

  /** Counts and sizes, in bytes. */
  stats(): Promise<BlobStoreStats> {
    return this.#running().store.stats();
  }

  #openCache(): Promise<CacheStore> {
    const { path, freeBytesMin = freeBytesDefault, cacheBytesMax: bytesMax = 0 } = this.#options;
    return CacheStore.open({ path: join(path, 'cache'), bytesMax, freeBytesMin }, this.#modules);
  }

  async #open(cache: CacheStore): Promise<Opened> {
    const { nodeId, path, freeBytesMin = freeBytesDefault, durability } = this.#options;
    const { clock } = this.#modules;
    const options = { path, freeBytesMin, ...(durability === undefined ? {} : { durability }) };
    const store = await DiskBlobStore.open(options, { ...this.#modules, measureDisk: cache.measureDisk });
    try {
      const fence = await FenceGuard.open(join(path, 'fence.json'));
      const rpcModules = { nodeId, store, cache, fence, clock };
      const service = objectService(rpcModules);
      const http = blobRequests(rpcModules);
      const streams = { putBlobs: putBlobs(rpcModules), getBlobs: getBlobs(rpcModules) };
      const inProcess = new InProcessNode({ nodeId }, { store, fence, clock });
      const inProcessCache = new LocalCacheNode({ cache });
      return { store, cache, fence, service, http, streams, inProcess, inProcessCache };
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  #running(): Opened {
    assert(this.#opened !== undefined, 'the object node is used before its start or after its stop');
    return this.#opened;
  }

  #raiseFence({ term, ring }: Topology): void {
    this.#opened?.fence.raise({ term, ringEpoch: ring.epoch }).catch((error: unknown) => {
      // In memory it is raised all the same, and the next write that carries it tries the disk again.
      this.#modules.log.error({ error: explain(error) }, 'the fence could not be put on disk');
    });
  }
}
