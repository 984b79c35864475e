import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import type {
  ClusterConnection,
  CoordinatorReport,
  CoordinatorSurvey,
  LeaderReport,
  NewLeader,
  NodeHeartbeat,
  SilentCoordinator,
  TopologySnapshot,
} from '../../../src/cli/connection.ts';
import type { CommandModules } from '../../../src/cli/modules.ts';
import type { Unreachable } from '../../../src/cli/output/envelope.ts';
import { SilentNodes } from '../../../src/cli/silent-nodes.ts';
import type { HistoryPage, PartitionChange } from '../../../src/client/coordinator-client.ts';
import type { MetadataApi } from '../../../src/client/metadata-api.ts';
import type { WatchEvent } from '../../../src/client/watch-event.ts';
import type { ConsensusMemberPlace, ConsensusStatus, MembersChanged } from '../../../src/consensus/consensus.ts';
import type { BlobSource } from '../../../src/replication/blob-source.ts';
import type { NodeIo } from '../../../src/replication/node-directory.ts';
import type { BlobPresenceReport, BlobStream, ByteRange } from '../../../src/replication/node-io.ts';
import type { ObjectApi, SmallObjectApi } from '../../../src/replication/object-api.ts';
import { QuorumObjects } from '../../../src/replication/quorum-objects.ts';
import { closeGaps, type GapResult } from '../../../src/replication/repair/close-gaps.ts';
import type { NotedGap } from '../../../src/replication/replica-gaps.ts';
import type { PlanPartitionsResponse } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { ObjectFormat, type Repo } from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { BlobPage, PutFate, SmallBlob, SmallBlobAnswer } from '../../../src/store/blob-store.ts';
import type { Requester } from '../../../src/topology/commands.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Partition, Topology, TopologyUpdate } from '../../../src/topology/topology.ts';
import { FakeFrontend } from './fake-frontend.ts';
import { FakeMetadata, type FakeRepo } from './fake-metadata.ts';
import { sampleTopology } from './sample-topology.ts';

/** An object node in memory that can be made to fail. */
export class FakeNode implements NodeIo {
  readonly endpoint: string;
  readonly blobs = new Map<Oid, Buffer>();
  readonly corrupt = new Set<Oid>();
  /** Those of them that the node knows to be. */
  readonly quarantined = new Set<Oid>();
  /** How many blobs each question was about. */
  readonly questions: number[] = [];
  unreachable = false;

  constructor(readonly nodeId: string) {
    this.endpoint = `${nodeId}.test:7480`;
  }

  async put(source: BlobSource): Promise<{ existed: boolean }> {
    this.#answer();
    const existed = this.blobs.has(source.oid);
    this.blobs.set(source.oid, Buffer.concat(await Array.fromAsync(source.open())));
    this.corrupt.delete(source.oid);
    return { existed };
  }

  async putMany(blobs: readonly SmallBlob[]): Promise<readonly PutFate[]> {
    this.#answer();
    return blobs.map(({ oid, content }) => {
      const existed = this.blobs.has(oid);
      this.blobs.set(oid, content);
      this.corrupt.delete(oid);
      return { existed };
    });
  }

  async getMany(oids: readonly Oid[]): Promise<readonly SmallBlobAnswer[]> {
    this.#answer();
    return oids.map((oid) => {
      const content = this.blobs.get(oid);
      if (content === undefined) return { presence: 'MISSING' };
      return this.corrupt.has(oid) ? { presence: 'CORRUPT' } : { presence: 'PRESENT', content };
    });
  }

  async get(oid: Oid, range: ByteRange): Promise<BlobStream> {
    this.#answer();
    const blob = this.blobs.get(oid);
    if (blob === undefined) throw new StratumError('BLOB_NOT_FOUND', `no ${oid}`, { kind: 'blob', id: oid });
    const end = range.length === undefined ? blob.length : range.offset + range.length;
    const bytes = Buffer.from(blob.subarray(range.offset, end));
    if (this.corrupt.has(oid) && bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 1;
    async function* chunks() {
      yield bytes;
    }
    return { size: blob.length, chunks: chunks() };
  }

  async has(oids: readonly Oid[], verify: boolean): Promise<readonly BlobPresenceReport[]> {
    this.questions.push(oids.length);
    this.#answer();
    return oids.map((oid) => {
      const blob = this.blobs.get(oid);
      if (blob === undefined) return { oid, presence: 'MISSING', size: 0, storedAtMs: 0 };
      const isKnown = verify || this.quarantined.has(oid);
      const presence = isKnown && this.corrupt.has(oid) ? 'CORRUPT' : 'PRESENT';
      return { oid, presence, size: blob.length, storedAtMs: 1_700_000_000_000 };
    });
  }

  /** Pages of two at most, so that every caller has to turn them. */
  list(cursor: Oid | undefined): BlobPage {
    this.#answer();
    const behind = [...this.blobs].filter(([oid]) => cursor === undefined || oid > cursor);
    const entries = behind
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, 2)
      .map(([oid, { length }]) => {
        const presence = this.corrupt.has(oid) && this.quarantined.has(oid) ? 'CORRUPT' : 'PRESENT';
        return { oid, size: length, storedAtMs: 1_700_000_000_000, presence } as const;
      });
    return { entries, nextCursor: behind.length > 2 ? entries.at(-1)?.oid : undefined };
  }

  #answer(): void {
    if (!this.unreachable) return;
    throw new StratumError('UNREACHABLE', `${this.nodeId} is away`, { endpoint: this.endpoint });
  }
}

/** A heartbeat of a ready node, as the leader remembers it. */
export function sampleHeartbeat(nodeId: string, changes: Partial<NodeHeartbeat> = {}): NodeHeartbeat {
  return {
    nodeId,
    ageMs: 500,
    suspectTimeoutMs: 3_000,
    downTimeoutMs: 6_000,
    flapCount: 0,
    reportedState: 'READY',
    storedBytes: 0,
    blobCount: 0,
    repoCount: 0,
    gitRequests: 0,
    residentBytes: 0,
    freeBytes: 0,
    uptimeMs: 0,
    knownVersion: 14n,
    ...changes,
  };
}

/** Three coordinators on an etcd cluster of their own, of which the first leads, as the one of this number reports. */
export function sampleReport(number: number, changes: Partial<CoordinatorReport> = {}): CoordinatorReport {
  const members = [1, 2, 3].map((each) => ({
    id: `coordinator-${each}`,
    engineId: `e${each}`,
    address: `10.0.0.${each}:2380`,
    reachable: true,
    leader: each === 1,
    error: '',
  }));
  return {
    driver: 'etcd',
    members,
    raftTerm: 7n,
    appliedIndex: 100n,
    committedIndex: 101n,
    hasQuorum: true,
    alarms: [],
    nodeId: `coordinator-${number}`,
    address: `coordinator-${number}.test:7480`,
    isLeader: number === 1,
    leaderId: 'coordinator-1',
    term: 3n,
    version: 14n,
    ageMs: 0,
    ...changes,
  };
}

/** A cluster in memory, as commands see one. */
export class FakeCluster implements ClusterConnection {
  readonly coordinators = ['127.0.0.1:7480'];
  readonly silentNodes = new SilentNodes({ clock: systemClock });
  topology: Topology = sampleTopology();
  leaderId: string | undefined = 'coordinator-1';
  consensus: ConsensusStatus = {
    driver: 'embedded',
    members: [{ id: 'coordinator-1', engineId: '', address: '', reachable: true, leader: true, error: '' }],
    raftTerm: 3n,
    appliedIndex: 14n,
    committedIndex: 14n,
    hasQuorum: true,
    alarms: [],
  };
  /** What the coordinators report, when it is not what `consensus` says. */
  reports: readonly CoordinatorReport[] | undefined;
  silent: readonly SilentCoordinator[] = [];
  updates: readonly TopologyUpdate[] = [];
  keptSinceVersion = 0n;
  /** Changes that were asked for, in words. */
  readonly changes: string[] = [];
  /** What each watch brings, made when its turn comes where it is a function; an Error ends it. */
  watches: (WatchEvent | Error | (() => WatchEvent))[][] = [];
  readonly watchedSince: bigint[] = [];
  readonly nodes = new Map(['object-1', 'object-2', 'object-3'].map((id) => [id, new FakeNode(id)]));
  /** By node id; one that the topology has besides is made when it is asked for. */
  readonly frontendNodes = new Map<string, FakeFrontend>();
  readonly repositories = new FakeMetadata();
  readonly repos = this.repositories.repos;
  partitionPlan: PlanPartitionsResponse = { changes: [], deferred: [], version: 14n };
  heartbeatReports: readonly NodeHeartbeat[] = [];
  error: StratumError | undefined;
  closed = 0;

  /** For runCommand. */
  readonly connect: CommandModules['connect'] = () => Promise.resolve(this);

  node(id: string): FakeNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`the fake has no ${id}`);
    return node;
  }

  frontend(id: string): FakeFrontend {
    const frontend = this.frontendNodes.get(id) ?? new FakeFrontend(id);
    this.frontendNodes.set(id, frontend);
    return frontend;
  }

  /** Puts a blob on some nodes and gives its id. */
  hold(content: string | Buffer, ...nodeIds: string[]): Oid {
    const bytes = Buffer.from(content);
    const oid = oidOf(bytes);
    for (const id of nodeIds) this.node(id).blobs.set(oid, bytes);
    return oid;
  }

  addRepo(name: string, changes: Partial<Repo> = {}): FakeRepo {
    const repo: Repo = {
      name,
      id: '0'.repeat(32),
      objectFormat: ObjectFormat.SHA1,
      head: 'refs/heads/main',
      createdAtMs: 1_700_000_000_000n,
      refsGeneration: 1n,
      packsGeneration: 1n,
      refCount: 0n,
      packCount: 0n,
      packBytes: 0n,
      partition: 0,
      ...changes,
    };
    const added = { repo, refs: [], packs: [], log: [] };
    this.repos.set(name, added);
    return added;
  }

  async snapshot(): Promise<TopologySnapshot> {
    this.#fail();
    const { version, term } = this.topology;
    return { topology: this.topology, source: { node: 'coordinator-1', version, term } };
  }

  async leader(): Promise<LeaderReport> {
    this.#fail();
    const { version, term } = this.topology;
    const leaderAddress = this.leaderId === undefined ? undefined : '127.0.0.1:7480';
    return { leaderId: this.leaderId, leaderAddress, term, source: { node: 'coordinator-1', version, term } };
  }

  async consensusStatuses(known?: Topology): Promise<CoordinatorSurvey> {
    const { consensus, leaderId, topology } = this;
    const { version, term } = topology;
    const isLeader = leaderId === 'coordinator-1';
    const self = { nodeId: 'coordinator-1', address: '127.0.0.1:7480', isLeader, leaderId, term, version, ageMs: 0 };
    if (this.error !== undefined) {
      const silent = this.coordinators.map((node) => ({ node, reason: this.error?.message ?? '', answers: false }));
      return { reports: [], silent, topology: known };
    }
    return { reports: this.reports ?? [{ ...consensus, ...self }], silent: this.silent, topology: known ?? topology };
  }

  async history(sinceVersion: bigint, limit: number): Promise<HistoryPage> {
    this.#fail();
    const { keptSinceVersion, topology } = this;
    const since = sinceVersion < keptSinceVersion ? keptSinceVersion : sinceVersion;
    // Pages of two, so that every caller has to turn them.
    const updates = this.updates.filter(({ version }) => version > since).slice(0, Math.min(limit, 2));
    return { updates, version: topology.version, keptSinceVersion };
  }

  async transferLeader(targetId: string, by: Requester): Promise<NewLeader> {
    this.#fail();
    this.changes.push(`leader ${targetId} by ${by.actor}: ${by.reason}`);
    this.leaderId = targetId;
    return { leaderId: targetId, term: this.topology.term + 1n };
  }

  /** By the rules of the coordinator itself. */
  async changePartition(change: PartitionChange, by: Requester): Promise<Partition> {
    this.#fail();
    const { partition, generations = new Map(), acceptDataLoss = false } = change;
    const terms = { generations, acceptDataLoss, raiseEpoch: false, by };
    const command = { kind: 'change-partition', atMs: 1, partition, ...terms } as const;
    const { topology } = reduce(this.topology, command, this.topology.term);
    const { id, primaryId, inSync, replicas } = partition;
    const sets = `${primaryId} of ${inSync.join(' ')} of ${replicas.join(' ')}`;
    this.changes.push(`partition ${id}: ${sets} by ${by.actor}: ${by.reason}`);
    this.topology = topology;
    return topology.partitions[id] ?? partition;
  }

  async planPartitions(): Promise<PlanPartitionsResponse> {
    this.#fail();
    return this.partitionPlan;
  }

  async addMember({ nodeId, peerAddress }: ConsensusMemberPlace, by: Requester): Promise<MembersChanged> {
    this.#fail();
    this.changes.push(`add ${nodeId}=${peerAddress} by ${by.actor}: ${by.reason}`);
    const members = this.reports?.[0]?.members ?? this.consensus.members;
    if (members.some(({ id }) => id === nodeId)) return { changed: false, members };
    const added = { id: nodeId, engineId: 'e9', address: peerAddress, reachable: false, leader: false, error: 'new' };
    return { changed: true, members: [...members, added] };
  }

  async removeMember(nodeId: string, by: Requester): Promise<MembersChanged> {
    this.#fail();
    this.changes.push(`remove ${nodeId} by ${by.actor}: ${by.reason}`);
    const members = this.reports?.[0]?.members ?? this.consensus.members;
    const rest = members.filter(({ id }) => id !== nodeId);
    return { changed: rest.length < members.length, members: rest };
  }

  async heartbeats(): Promise<readonly NodeHeartbeat[]> {
    this.#fail();
    return this.heartbeatReports;
  }

  async *watch(sinceVersion: bigint, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    this.#fail();
    signal.throwIfAborted();
    this.watchedSince.push(sinceVersion);
    const events = this.watches.shift();
    for (const event of events ?? []) {
      if (event instanceof Error) throw event;
      yield typeof event === 'function' ? event() : event;
    }
    if (events !== undefined) return;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  }

  async metadata(): Promise<MetadataApi> {
    this.#fail();
    return this.repositories;
  }

  async blobPage(nodeId: string, _address: string, cursor: Oid | undefined): Promise<BlobPage> {
    return this.node(nodeId).list(cursor);
  }

  async closeGaps(gaps: readonly NotedGap[]): Promise<readonly GapResult[]> {
    this.changes.push(...gaps.map(({ nodeId, reason }) => `heal ${nodeId}: ${reason}`));
    const topology = { current: () => this.topology, subscribe: () => () => undefined };
    const nodes = { writer: (id: string) => this.nodes.get(id), reader: (id: string) => this.nodes.get(id) };
    return closeGaps(gaps, { topology, nodes, clock: systemClock }, new AbortController().signal);
  }

  async deleteBlobs(oids: readonly Oid[]): Promise<readonly Unreachable[]> {
    this.#fail();
    const away = [...this.nodes.values()].filter(({ unreachable }) => unreachable);
    for (const node of this.nodes.values()) if (!away.includes(node)) for (const oid of oids) node.blobs.delete(oid);
    return away.map(({ nodeId }) => ({ node: nodeId, reason: 'may keep blobs' }));
  }

  async objects(): Promise<ObjectApi & SmallObjectApi> {
    this.#fail();
    const topology = { current: () => this.topology, subscribe: () => () => undefined };
    const nodes = { writer: (id: string) => this.nodes.get(id), reader: (id: string) => this.nodes.get(id) };
    return new QuorumObjects({}, { clock: systemClock, topology, nodes });
  }

  frontends(topology: Topology): readonly FakeFrontend[] {
    const nodes = [...topology.nodes.values()].filter(({ roles }) => roles.includes('frontend'));
    return nodes.map(({ id }) => this.frontend(id));
  }

  async reader(nodeId: string): Promise<NodeIo> {
    return this.node(nodeId);
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  #fail(): void {
    if (this.error !== undefined) throw this.error;
  }
}
