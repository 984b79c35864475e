import type { Clock, Timer } from '../../../base/clock.ts';
import { asStratumError, explain, StratumError } from '../../../base/errors.ts';
import type { Part } from '../../../base/lifecycle.ts';
import type { Logger } from '../../../base/log.ts';
import { MiB } from '../../../base/units.ts';
import {
  type AppendEntriesRequest,
  type AppendEntriesResponse,
  AppendResult,
  type BeaconRequest,
  type BeaconResponse,
  type FetchSnapshotRequest,
  type FetchSnapshotResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { Partition, Topology, TopologySource } from '../../../topology/topology.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { PartitionAccess } from '../partition-access.ts';
import type { RefsCache } from '../refs-cache.ts';
import { BeaconSender } from './beacon-sender.ts';
import { LocalPartitions } from './local-partitions.ts';
import type { PartitionAuthority } from './partition-authority.ts';
import { PartitionDisk } from './partition-disk.ts';
import { PartitionReplica } from './partition-replica.ts';
import { PeerLink } from './peer-link.ts';
import type { LogRetention } from './replica-log.ts';
import type { ReplicaPeers } from './replica-peer.ts';
import { ReplicaRemoval } from './replica-removal.ts';
import { signedAck, signedBeacon, signedBeaconAck } from './replication-messages.ts';
import { type ReplicationTimings, timingsOf } from './replication-timings.ts';
import { SilenceWatch } from './silence-watch.ts';
import { SnapshotFetch } from './snapshot-fetch.ts';
import { readSnapshot } from './snapshot-transfer.ts';

/** What a node keeps of each log for replicas that were away: a restart's worth. */
const defaultRetention: LogRetention = { entries: 20_000, bytes: 32 * MiB };

/** A look that comes this many ticks late says that this process stood still, and not that a primary did. */
const stalledTicks = 3;

/** Values of a node's replicas. */
export interface MetadataReplicasOptions {
  readonly nodeId: string;
  /** Of this process: its incarnation. */
  readonly generationId: bigint;
  readonly retention?: LogRetention;
  /** Operations, and their bytes, that may wait at the most. */
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
}

/** What a node's replicas work with. */
export interface MetadataReplicasModules {
  readonly store: MetadataStore;
  readonly topology: TopologySource;
  readonly peers: ReplicaPeers;
  readonly authority: PartitionAuthority;
  readonly refs: RefsCache;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * All partitions that a metadata node has a replica of. It acts on a topology only when that counts on this very
 * process: a process that has just started is nobody's primary before the cluster has taken it in, and one that was
 * replaced never again.
 */
export class MetadataReplicas implements Part {
  readonly name = 'metadata replicas';
  readonly access: PartitionAccess;
  readonly #options: MetadataReplicasOptions;
  readonly #modules: MetadataReplicasModules;
  readonly #replicas = new Map<number, PartitionReplica>();
  readonly #links = new Map<string, PeerLink>();
  readonly #beacons: BeaconSender;
  readonly #removal: ReplicaRemoval;
  readonly #snapshots: SnapshotFetch;
  readonly #silence: SilenceWatch;
  /** Nothing is served any more. */
  readonly #closing = new AbortController();
  /** Nothing is sent or written any more. */
  readonly #stopping = new AbortController();
  #topology: Topology | undefined;
  #timings: ReplicationTimings | undefined;
  #unsubscribe: () => void = () => undefined;
  #timer: Timer | undefined;
  #tickedMs = 0;
  #changed: (() => void)[] = [];

  constructor(options: MetadataReplicasOptions, modules: MetadataReplicasModules) {
    this.#options = options;
    this.#modules = modules;
    const { nodeId, generationId: generation, waitingMax, waitingBytesMax } = options;
    const { peers, clock, store, log } = modules;
    const stopping = this.#stopping.signal;
    const shared = { peers, clock, timings: () => this.#currentTimings(), stopping };
    this.#beacons = new BeaconSender({ nodeId, generation }, { ...shared, source: this.#beaconSource() });
    const unused = { store, clock, logger: log, stopping, onDurable: () => undefined };
    this.#removal = new ReplicaRemoval({
      store,
      log,
      stopping,
      open: (partition) => new PartitionDisk({ partition, retention: defaultRetention }, unused),
      onRemoved: () => this.#follow(this.#topology),
    });
    this.#silence = new SilenceWatch(modules);
    this.#snapshots = new SnapshotFetch({ store, peers, log, stopping });
    this.access = new LocalPartitions(
      {
        nodeId,
        ...(waitingMax === undefined ? {} : { waitingMax }),
        ...(waitingBytesMax === undefined ? {} : { waitingBytesMax }),
      },
      { replicas: this.#replicas, topology: () => this.#topology, stopping: this.#closing.signal },
    );
  }

  start(): Promise<void> {
    const { topology } = this.#modules;
    this.#unsubscribe = topology.subscribe((changed) => this.#follow(changed));
    const current = topology.current();
    if (current !== undefined) this.#follow(current);
    return Promise.resolve();
  }

  /** Answers what waits and writes what is applied, if that takes no longer than a lease; resolves when nothing is under way. */
  async stop(): Promise<void> {
    const why = `metadata node ${this.#options.nodeId} stops`;
    this.#closing.abort(new StratumError('SHUTTING_DOWN', why));
    await this.#withinLease(async () => {
      const replicas = [...this.#replicas.values()];
      await Promise.all(replicas.map((replica) => replica.answered()));
      for (const { disk } of replicas) await disk.flush();
    });
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#stopping.abort(this.#closing.signal.reason);
    for (const replica of this.#replicas.values()) replica.abandon(why);
    await Promise.all([
      ...[...this.#links.values()].map((link) => link.settled()),
      ...[...this.#replicas.values()].map(({ disk }) => disk.settled()),
      this.#beacons.settled(),
      this.#removal.settled(),
      this.#snapshots.settled(),
    ]);
  }

  /** The partitions on this node, for whoever looks at them. */
  get replicas(): ReadonlyMap<number, PartitionReplica> {
    return this.#replicas;
  }

  /** Resolves when this node is the primary of nothing that another one could take over, or with the signal. */
  async handedOver(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#couldHandOver()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#changed.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
  }

  /** ReplicationService.AppendEntries. */
  async appendEntries({ primaryId, generation, appends }: AppendEntriesRequest): Promise<AppendEntriesResponse> {
    const sender = { nodeId: primaryId, generation };
    const acks = await Promise.all(
      appends.map(async (append) => {
        const { partition, epoch } = append;
        const replica = this.#replicas.get(partition);
        if (replica !== undefined) return replica.handleAppend(append, sender);
        return signedAck({ partition, epoch, result: AppendResult.NOT_NOW, index: 0n, appliedIndex: 0n });
      }),
    );
    return { generation: this.#options.generationId, acks };
  }

  /** ReplicationService.Beacon. */
  async beacon({ primaryId, generation, beacons }: BeaconRequest): Promise<BeaconResponse> {
    const sender = { nodeId: primaryId, generation };
    const acks = beacons.map((beacon) => {
      const { partition } = beacon;
      const replica = this.#replicas.get(partition);
      return replica?.handleBeacon(beacon, sender) ?? signedBeaconAck({ partition, epoch: 0n, accepted: false });
    });
    return { generation: this.#options.generationId, acks };
  }

  /** ReplicationService.FetchSnapshot: NOT_PRIMARY where this node is not the primary. */
  fetchSnapshot({ partition }: FetchSnapshotRequest): AsyncIterable<FetchSnapshotResponse> {
    const replica = this.#replicas.get(partition);
    if (replica?.term === undefined) {
      const details = { partition, epoch: 0n };
      throw (
        replica?.notPrimary() ??
        new StratumError('NOT_PRIMARY', `no replica of partition ${partition} is here`, details)
      );
    }
    return readSnapshot(this.#modules.store, partition);
  }

  #follow(topology: Topology | undefined): void {
    if (topology === undefined || this.#stopping.signal.aborted) return;
    const { nodeId, generationId } = this.#options;
    const registered = topology.nodes.get(nodeId)?.generationId;
    if (registered !== generationId) {
      if (registered !== undefined && registered > generationId) this.#replaced();
      return;
    }
    this.#topology = topology;
    this.#keepTime(topology.settings.metadataLeaseMs);
    for (const partition of topology.partitions) this.#followPartition(partition);
    for (const partition of this.#removal.unassigned(topology, nodeId)) {
      // One that is at work knows of a later epoch than this topology does.
      if (!this.#replicas.has(partition)) this.#removal.remove(partition);
    }
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  #followPartition(assignment: Partition): void {
    const { id, epoch, replicas, primaryId } = assignment;
    const { nodeId } = this.#options;
    const known = this.#replicas.get(id);
    if (!replicas.includes(nodeId)) {
      if (known === undefined || epoch < known.disk.epoch || !this.#removal.mayRemove(assignment)) return;
      known.abandon(`node ${nodeId} is no replica of partition ${id} any more`);
      this.#replicas.delete(id);
      this.#removal.remove(id, known.disk);
      return;
    }
    if (this.#removal.isRemoving(id)) return;
    const replica = known ?? this.#open(id);
    if (replica === undefined) return;
    const ended = replica.follow(assignment);
    if (ended === undefined || primaryId === nodeId) return;
    const committedIndex = replica.committedIndex;
    this.#beacons.relinquish(
      primaryId,
      signedBeacon({
        partition: id,
        epoch: ended.epoch,
        committedIndex,
        committedEpoch: 0n,
        relinquished: true,
        unheard: false,
      }),
    );
  }

  #open(partition: number): PartitionReplica | undefined {
    const { nodeId, retention = defaultRetention } = this.#options;
    const { store, authority, refs, clock, log } = this.#modules;
    try {
      const replica = new PartitionReplica(
        { nodeId, partition, retention },
        {
          store,
          authority,
          refs,
          clock,
          log,
          topology: () => this.#knownTopology(),
          timings: () => this.#currentTimings(),
          onAppended: () => this.#notifyMembers(partition),
          onSnapshotNeeded: () => this.#snapshots.fetch(replica),
          stopping: this.#stopping.signal,
        },
      );
      this.#replicas.set(partition, replica);
      return replica;
    } catch (error) {
      // The other partitions of this node are sound; this one's other replicas go on without it.
      log.error({ partition, error: explain(error) }, 'a partition cannot be opened');
      return undefined;
    }
  }

  /** A newer process has this node's place. */
  #replaced(): void {
    for (const replica of this.#replicas.values()) replica.abandon('a newer process has taken over this node');
    this.#replicas.clear();
  }

  #notifyMembers(partition: number): void {
    const term = this.#replicas.get(partition)?.term;
    for (const peerId of term?.members.keys() ?? []) this.#link(peerId).notify(partition);
  }

  #link(peerId: string): PeerLink {
    const known = this.#links.get(peerId);
    if (known !== undefined) return known;
    const { nodeId, generationId: generation } = this.#options;
    const { peers, clock } = this.#modules;
    const link = new PeerLink(
      { nodeId, generation, peerId },
      {
        peers,
        clock,
        timings: () => this.#currentTimings(),
        stopping: this.#stopping.signal,
        source: {
          shared: () => this.#sharedWith(peerId).map(({ partition }) => partition),
          appendFor: (partition, bytesMax) => this.#replicas.get(partition)?.term?.appendFor(peerId, bytesMax),
          unreadable: (partition, error) => this.#replicas.get(partition)?.breakDown(error),
          answered: (partition, response, at) => this.#answered(peerId, partition, response, at),
          failed: (partition, error) => this.#replicas.get(partition)?.term?.failed(peerId, error),
        },
      },
    );
    this.#links.set(peerId, link);
    return link;
  }

  #answered(peerId: string, partition: number, { generation, acks }: AppendEntriesResponse, at: number): boolean {
    const ack = acks[at];
    const replica = this.#replicas.get(partition);
    if (replica?.term === undefined) return false;
    if (ack === undefined || ack.partition !== partition) {
      throw new StratumError('INTERNAL', `${peerId} has not answered for partition ${partition}`);
    }
    if (ack.result === AppendResult.STALE && ack.epoch > replica.term.epoch) {
      replica.fence(ack.epoch);
      return false;
    }
    return replica.term.acknowledged(peerId, generation, ack);
  }

  #beaconSource() {
    return {
      beaconsFor: (peerId: string) => this.#sharedWith(peerId).flatMap((replica) => replica.beacon() ?? []),
      accepted: (
        peerId: string,
        generation: bigint,
        { partition, epoch }: { partition: number; epoch: bigint },
        sentMs: number,
      ) => this.#replicas.get(partition)?.term?.beaconAccepted(peerId, generation, epoch, sentMs),
      refused: (partition: number, epoch: bigint) => this.#replicas.get(partition)?.fence(epoch),
      failed: (peerId: string, partition: number, error: unknown) =>
        this.#replicas.get(partition)?.term?.beaconFailed(peerId, error),
    };
  }

  /** The partitions that this node is the primary of and the peer a replica. */
  #sharedWith(peerId: string): readonly PartitionReplica[] {
    return [...this.#replicas.values()].filter(({ term }) => term?.members.has(peerId) === true);
  }

  /** What may take for ever: replicas that do not answer, a disk that takes nothing. After a crash the log gives it again. */
  async #withinLease(work: () => Promise<void>): Promise<void> {
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    const timer = this.#modules.clock.after(this.#timings?.leaseWaitMs ?? 0, resolve);
    await Promise.race([work(), tooLate]);
    timer.cancel();
  }

  #keepTime(leaseMs: number): void {
    const timings = timingsOf(leaseMs);
    if (this.#timings?.tickMs === timings.tickMs) return;
    const { clock } = this.#modules;
    this.#timings = timings;
    this.#timer?.cancel();
    this.#tickedMs = clock.monotonicMs();
    this.#timer = clock.every(timings.tickMs, () => this.#tick());
  }

  #tick(): void {
    const nowMs = this.#modules.clock.monotonicMs();
    const { tickMs, silenceMs } = this.#currentTimings();
    if (nowMs - this.#tickedMs > stalledTicks * tickMs) {
      this.#silence.distrustUntil(nowMs + silenceMs);
      for (const { term } of this.#replicas.values()) term?.stoodStill();
    }
    this.#tickedMs = nowMs;
    for (const replica of this.#replicas.values()) replica.tick();
    const peerIds = new Set([...this.#replicas.values()].flatMap(({ term }) => [...(term?.members.keys() ?? [])]));
    this.#beacons.tick(peerIds);
    for (const peerId of peerIds) this.#link(peerId).tick();
    this.#silence.look(this.#replicas.values(), { nodeId: this.#options.nodeId, nowMs, silenceMs });
  }

  #couldHandOver(): boolean {
    const { nodeId } = this.#options;
    const nodes = this.#topology?.nodes;
    return [...this.#replicas.values()].some(
      ({ term, assignment }) =>
        term !== undefined &&
        assignment?.inSync.some((id) => id !== nodeId && nodes?.get(id)?.state === 'ACTIVE') === true,
    );
  }

  #knownTopology(): Topology {
    if (this.#topology !== undefined) return this.#topology;
    throw asStratumError(new Error('replicas exist only once a topology is known'));
  }

  #currentTimings(): ReplicationTimings {
    if (this.#timings !== undefined) return this.#timings;
    throw asStratumError(new Error('replicas exist only once a topology is known'));
  }
}
