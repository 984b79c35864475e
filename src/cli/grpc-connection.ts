import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { Random } from '../base/random.ts';
import { CoordinatorClient, type HistoryPage, type PartitionChange } from '../client/coordinator-client.ts';
import type { FrontendApi } from '../client/frontend-api.ts';
import { FrontendClient } from '../client/frontend-client.ts';
import type { MetadataApi } from '../client/metadata-api.ts';
import { MetadataClient } from '../client/metadata-client.ts';
import { TopologyView } from '../client/topology-view.ts';
import type { WatchEvent } from '../client/watch-event.ts';
import type { ConsensusMemberPlace, MembersChanged } from '../consensus/consensus.ts';
import { type BuiltNode, buildNode } from '../replication/build-node.ts';
import { MemoryHints } from '../replication/hints/memory-hints.ts';
import type { NodeReader } from '../replication/node-io.ts';
import type { ObjectApi, SmallObjectApi } from '../replication/object-api.ts';
import { QuorumObjects } from '../replication/quorum-objects.ts';
import { closeGaps, type GapResult } from '../replication/repair/close-gaps.ts';
import type { GapSink, NotedGap } from '../replication/replica-gaps.ts';
import { TopologyNodeDirectory } from '../replication/topology-node-directory.ts';
import { ChannelPool } from '../rpc/channel-pool.ts';
import type { PlanPartitionsResponse } from '../rpc/gen/stratum/v1/coordinator.ts';
import { ObjectServiceClient } from '../rpc/gen/stratum/v1/object.ts';
import { decodeReportedState } from '../rpc/topology-codec.ts';
import type { BlobPage } from '../store/blob-store.ts';
import type { Requester } from '../topology/commands.ts';
import type { Partition, Topology } from '../topology/topology.ts';
import type {
  ClusterConnection,
  ConnectOptions,
  CoordinatorSurvey,
  LeaderReport,
  NewLeader,
  NodeHeartbeat,
  TopologySnapshot,
} from './connection.ts';
import { deleteBlobs, deletionLimit } from './delete-blobs.ts';
import { listBlobPage } from './list-blob-page.ts';
import { sortNodes } from './listings/sort-nodes.ts';
import type { Unreachable } from './output/envelope.ts';
import { silentLog } from './silent-log.ts';
import { SilentNodes } from './silent-nodes.ts';
import { surveyCoordinators } from './survey-coordinators.ts';

/** A coordinator that lives answers its own status in far less; who waits for all must not wait for a dead one long. */
const surveyTimeoutMs = 3_000;

/** Most that one coordinator which accepts and never answers may take of a call before the next one is asked. */
const attemptTimeoutMaxMs = 3_000;

/** Least that a coordinator is waited for while there are others, so that a slow one is not taken for a dead one. */
const attemptTimeoutMinMs = 1_000;

/** What closing the gaps that a command found may add to it. */
const drainTimeoutMs = 5_000;

/** A cluster behind gRPC. Clients are made when they are first asked for. */
export class GrpcConnection implements ClusterConnection {
  readonly coordinators: readonly string[];
  readonly silentNodes: SilentNodes;
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #channels = new ChannelPool();
  readonly #coordinator: CoordinatorClient;
  readonly #readers = new Map<string, BuiltNode>();
  readonly #deletions = deletionLimit();
  #view: TopologyView | undefined;
  #gaps: MemoryHints | undefined;
  #nodes: TopologyNodeDirectory | undefined;

  constructor(options: ConnectOptions, modules: { readonly clock: Clock; readonly random: Random }) {
    this.coordinators = options.coordinators;
    this.#options = options;
    this.#clock = modules.clock;
    this.#random = modules.random;
    this.silentNodes = new SilentNodes(modules);
    this.#coordinator = new CoordinatorClient(
      { endpoints: options.coordinators, timeoutMs: options.timeoutMs, attemptTimeoutMs: attemptTimeoutOf(options) },
      { channels: this.#channels, clock: modules.clock, random: modules.random },
    );
  }

  async snapshot(): Promise<TopologySnapshot> {
    const [{ topology }, { nodeId }] = await Promise.all([
      this.#coordinator.getTopology({}, this.#call),
      this.#coordinator.getLeader(this.#call),
    ]);
    if (topology === undefined) {
      const details = { what: 'topology' };
      throw new StratumError('NOT_READY', 'the cluster has no topology yet: no node has registered', details);
    }
    return { topology, source: { node: nodeId, version: topology.version, term: topology.term } };
  }

  async leader(): Promise<LeaderReport> {
    const { leaderId, leaderAddress, term, nodeId, version } = await this.#coordinator.getLeader(this.#call);
    return {
      leaderId: leaderId === '' ? undefined : leaderId,
      leaderAddress: leaderAddress === '' ? undefined : leaderAddress,
      term,
      source: { node: nodeId, version, term },
    };
  }

  async consensusStatuses(known?: Topology): Promise<CoordinatorSurvey> {
    const { signal } = this.#options;
    const timeoutMs = Math.min(this.#options.timeoutMs, surveyTimeoutMs);
    const survey = await surveyCoordinators(
      { configured: this.coordinators, known },
      {
        ask: (address) => this.#coordinator.askCoordinator(address, { timeoutMs, signal }),
        topologyAt: async (address) => {
          const modules = { channels: this.#channels, clock: this.#clock, random: this.#random };
          const client = new CoordinatorClient({ endpoints: [address] }, modules);
          return (await client.getTopology({}, { timeoutMs, signal })).topology;
        },
      },
    );
    signal.throwIfAborted();
    return survey;
  }

  async heartbeats(): Promise<readonly NodeHeartbeat[]> {
    const records = await this.#coordinator.listHeartbeats(this.#call);
    return records.map(({ stats, ...record }) => ({
      nodeId: record.nodeId,
      ageMs: Number(record.ageMs),
      suspectTimeoutMs: Number(record.suspectTimeoutMs),
      downTimeoutMs: Number(record.downTimeoutMs),
      flapCount: record.flapCount,
      reportedState: decodeReportedState(record.reportedState),
      storedBytes: Number(stats?.storedBytes ?? 0n),
      blobCount: Number(stats?.blobCount ?? 0n),
      repoCount: Number(stats?.repoCount ?? 0n),
      gitRequests: Number(stats?.gitRequests ?? 0n),
      residentBytes: Number(stats?.residentBytes ?? 0n),
      freeBytes: Number(stats?.freeBytes ?? 0n),
      uptimeMs: Number(stats?.uptimeMs ?? 0n),
      knownVersion: record.knownVersion,
    }));
  }

  history(sinceVersion: bigint, limit: number): Promise<HistoryPage> {
    return this.#coordinator.getTopologyHistory({ sinceVersion, limit }, this.#call);
  }

  async transferLeader(targetId: string, by: Requester): Promise<NewLeader> {
    const { leaderId, term } = await this.#coordinator.transferLeader(targetId, by, this.#call);
    return { leaderId, term };
  }

  changePartition(change: PartitionChange, by: Requester): Promise<Partition> {
    return this.#coordinator.changePartition(change, by, this.#call);
  }

  planPartitions(): Promise<PlanPartitionsResponse> {
    return this.#coordinator.planPartitions(this.#call);
  }

  async addMember(member: ConsensusMemberPlace, by: Requester): Promise<MembersChanged> {
    const { alreadyMember, members } = await this.#coordinator.addConsensusMember(member, by, this.#call);
    return { changed: !alreadyMember, members };
  }

  async removeMember(nodeId: string, by: Requester): Promise<MembersChanged> {
    const { removed, members } = await this.#coordinator.removeConsensusMember(nodeId, by, this.#call);
    return { changed: removed, members };
  }

  watch(sinceVersion: bigint, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#coordinator.watchTopology(sinceVersion, signal);
  }

  async metadata(): Promise<MetadataApi> {
    const { timeoutMs } = this.#options;
    const topology = await this.#topology();
    return new MetadataClient(
      { readTimeoutMs: timeoutMs, writeTimeoutMs: timeoutMs },
      { clock: this.#clock, random: this.#random, channels: this.#channels, topology },
    );
  }

  async objects(): Promise<ObjectApi & SmallObjectApi> {
    const topology = await this.#topology();
    const modules = { clock: this.#clock, topology, nodes: this.#directory(topology) };
    this.#gaps ??= new MemoryHints({}, modules);
    const found = this.#gaps;
    const gaps: GapSink = {
      // A node that has just missed a write would miss its repetition too; the command tells of it.
      note: (gap, reason) => (reason === 'MISSED_WRITE' ? undefined : found.note(gap, reason)),
    };
    return new QuorumObjects({}, { ...modules, gaps });
  }

  frontends(topology: Topology): readonly FrontendApi[] {
    const { timeoutMs } = this.#options;
    const modules = { channels: this.#channels, clock: this.#clock };
    return sortNodes(topology.nodes.values())
      .filter(({ roles }) => roles.includes('frontend'))
      .map(({ id: nodeId, address: endpoint }) => new FrontendClient({ nodeId, endpoint, timeoutMs }, modules));
  }

  async reader(nodeId: string, endpoint: string): Promise<NodeReader> {
    const key = `${nodeId} ${endpoint}`;
    const known = this.#readers.get(key);
    if (known !== undefined) return known.node;
    const modules = { pool: this.#channels, clock: this.#clock, random: this.#random };
    const built = buildNode({ nodeId, endpoint }, modules);
    this.#readers.set(key, built);
    return built.node;
  }

  blobPage(_nodeId: string, endpoint: string, cursor: Oid | undefined, pageEntries: number): Promise<BlobPage> {
    const client = this.#channels.client(ObjectServiceClient, endpoint);
    return listBlobPage(client, { cursor, pageEntries }, { ...this.#call, endpoint, clock: this.#clock });
  }

  async closeGaps(gaps: readonly NotedGap[]): Promise<readonly GapResult[]> {
    const topology = await this.#topology();
    const nodes = this.#directory(topology);
    return closeGaps(gaps, { topology, nodes, clock: this.#clock }, this.#options.signal);
  }

  async deleteBlobs(oids: readonly Oid[], signal: AbortSignal): Promise<readonly Unreachable[]> {
    const { timeoutMs } = this.#options;
    const topology = await this.#topology(signal);
    const { silentNodes } = this;
    const modules = { topology, channels: this.#channels, clock: this.#clock, silentNodes, limit: this.#deletions };
    return deleteBlobs(oids, { timeoutMs, signal }, modules);
  }

  async close(): Promise<void> {
    await this.#drainGaps();
    await this.#view?.stop();
    this.#nodes?.close();
    for (const reader of this.#readers.values()) reader.close();
    this.#channels.close();
  }

  /** Whoever has his answer does not wait long for copies that anti-entropy would make as well. */
  async #drainGaps(): Promise<void> {
    if (this.#gaps === undefined || this.#options.signal.aborted) return;
    const ended = new AbortController();
    const timer = this.#clock.after(drainTimeoutMs, () => ended.abort(new StratumError('CANCELLED', 'left to repair')));
    await this.#gaps.drain(AbortSignal.any([ended.signal, this.#options.signal]));
    timer.cancel();
  }

  #directory(topology: TopologyView): TopologyNodeDirectory {
    const modules = { topology, pool: this.#channels, clock: this.#clock, random: this.#random };
    this.#nodes ??= new TopologyNodeDirectory(modules);
    return this.#nodes;
  }

  /** A view that has a topology. What routes by it follows changes, and so outlives a failover. */
  async #topology(signal = this.#options.signal): Promise<TopologyView> {
    const { timeoutMs } = this.#options;
    if (this.#view === undefined) {
      // Asked first: an unreachable coordinator is reported with its reason, while a view goes on trying.
      await this.#coordinator.getLeader({ timeoutMs, signal });
      this.#view = new TopologyView(
        {},
        { feed: this.#coordinator, clock: this.#clock, random: this.#random, log: silentLog },
      );
      await this.#view.start();
    }
    const view = this.#view;
    await withDeadline(
      this.#clock,
      'the topology from the coordinators',
      timeoutMs,
      (either) => view.waitFor(() => true, either),
      signal,
    );
    return view;
  }

  get #call() {
    return { timeoutMs: this.#options.timeoutMs, signal: this.#options.signal };
  }
}

/** Milliseconds for one try: all of them may be asked in time; who is alone has the whole. */
function attemptTimeoutOf({ coordinators, timeoutMs }: ConnectOptions): number {
  if (coordinators.length <= 1) return timeoutMs;
  return Math.max(attemptTimeoutMinMs, Math.min(attemptTimeoutMaxMs, Math.floor(timeoutMs / coordinators.length)));
}
