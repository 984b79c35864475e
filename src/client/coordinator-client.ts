import type { Clock } from '../base/clock.ts';
import { asStratumError, type StratumError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { callServerStream, callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import {
  type AddConsensusMemberResponse,
  CoordinatorServiceClient,
  type DeregisterNodeResponse,
  type GetConsensusStatusResponse,
  type GetHashRingResponse,
  type GetLeaderResponse,
  type HeartbeatRecord,
  type PlanPartitionsResponse,
  type RemoveConsensusMemberResponse,
  type TransferLeaderResponse,
} from '../rpc/gen/stratum/v1/coordinator.ts';
import type { NodeStats } from '../rpc/gen/stratum/v1/types.ts';
import { decodeTopology, decodeUpdate, encodeRegistration, encodeReportedState } from '../rpc/topology-codec.ts';
import type { Requester } from '../topology/commands.ts';
import type {
  NodeRegistration,
  Partition,
  ReportedState,
  SilentPrimary,
  Topology,
  TopologyUpdate,
} from '../topology/topology.ts';
import { CoordinatorEndpoints } from './coordinator-endpoints.ts';
import { type CoordinatorCallOptions, type CoordinatorMethod, getLeaderMethod, LeaderCall } from './leader-call.ts';
import { decodeWatchEvent, type WatchEvent } from './watch-event.ts';

/** Long enough for an election, short enough for a person who waits. */
const defaultTimeoutMs = 10_000;

/** One coordinator that accepts and never answers may take this much of the whole. */
const defaultAttemptTimeoutMs = 3_000;

/** Where the coordinators are. */
export interface CoordinatorClientOptions {
  /** host:port, at least one. */
  readonly endpoints: readonly string[];
  /** Milliseconds for a whole call when it does not say. */
  readonly timeoutMs?: number;
  /** Milliseconds for one try at one coordinator. */
  readonly attemptTimeoutMs?: number;
}

/** A node's sign of life. */
export interface HeartbeatReport {
  readonly nodeId: string;
  readonly generationId: bigint;
  /** Version of the topology that the node works from; 0 for none. */
  readonly knownVersion: bigint;
  readonly reportedState: ReportedState;
  readonly stats: NodeStats | undefined;
  /** Primaries that the node, as an in-sync replica, has not heard for too long; absent: none. */
  readonly silentPrimaries?: readonly SilentPrimary[];
}

/** A wanted change of a partition. */
export interface PartitionChange {
  /** As it should be; its epoch is the one that the decision was based on. */
  readonly partition: Partition;
  /** The generation of every node that this adds to the in-sync set. */
  readonly generations?: ReadonlyMap<string, bigint>;
  /** An operator's decision: carried out although acknowledged pushes may be lost. */
  readonly acceptDataLoss?: boolean;
  /** The epoch is to rise although the sets stay as they are. */
  readonly raisesEpoch?: boolean;
}

/** How a node registers. */
export interface RegistrationOptions extends CoordinatorCallOptions {
  /** The process before this one ended in order, and its data folder has the proof; absent: not for certain. */
  readonly afterCleanStop?: boolean;
}

/** The leader's answer to a sign of life. */
export interface HeartbeatAnswer {
  readonly version: bigint;
  /** The node's topology is behind. */
  readonly refreshRequired: boolean;
  readonly term: bigint;
  readonly leaderId: string;
  readonly heartbeatIntervalMs: number;
  readonly suspectTimeoutMs: number;
  readonly downTimeoutMs: number;
}

/** The answer to a registration. */
export interface Registered {
  readonly alreadyRegistered: boolean;
  readonly clusterId: string;
  /** Of the topology after the registration. */
  readonly version: bigint;
  readonly heartbeatIntervalMs: number;
}

/** One page of the history of applied commands. */
export interface HistoryPage {
  /** In version order. */
  readonly updates: readonly TopologyUpdate[];
  /** The current version. */
  readonly version: bigint;
  /** Updates up to this version are no longer remembered. */
  readonly keptSinceVersion: bigint;
}

/** What one coordinator says of itself. */
export interface CoordinatorAnswer {
  /** Absent when it did not say. */
  readonly leader: GetLeaderResponse | undefined;
  readonly consensus: GetConsensusStatusResponse | undefined;
  /** Why one of them is absent. */
  readonly error: StratumError | undefined;
}

/**
 * The coordinators as one: reads go to any of them, writes find the leader by GetLeader and by the
 * hint in NOT_LEADER. Failed tries go on at the others with jittered back-off until the total
 * deadline; every call is safe to repeat. Errors are the coordinators' own, or UNREACHABLE and
 * DEADLINE_EXCEEDED that name every address that was tried.
 */
export class CoordinatorClient {
  readonly #endpoints: CoordinatorEndpoints;
  readonly #channels: ChannelPool;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #leaderCall: LeaderCall;

  constructor(
    options: CoordinatorClientOptions,
    modules: { readonly channels: ChannelPool; readonly clock: Clock; readonly random: Random },
  ) {
    const { attemptTimeoutMs = defaultAttemptTimeoutMs, timeoutMs = defaultTimeoutMs } = options;
    this.#endpoints = new CoordinatorEndpoints(options.endpoints);
    this.#channels = modules.channels;
    this.#clock = modules.clock;
    this.#timeoutMs = timeoutMs;
    this.#leaderCall = new LeaderCall({ attemptTimeoutMs }, { ...modules, endpoints: this.#endpoints });
  }

  /** The topology, absent when its version is not above `minVersion` (0 by default). */
  async getTopology(
    query: { readonly minVersion?: bigint; readonly linearizable?: boolean } = {},
    options?: CoordinatorCallOptions,
  ): Promise<{ readonly topology: Topology | undefined; readonly version: bigint }> {
    const { minVersion = 0n, linearizable = false } = query;
    const method = rpc('GetTopology', linearizable ? 'leader' : 'any', (client) => client.getTopology.bind(client));
    const { topology, version } = await this.#run(method, { minVersion, linearizable }, options);
    return { topology: topology === undefined ? undefined : decodeTopology(topology), version };
  }

  getHashRing(options?: CoordinatorCallOptions): Promise<GetHashRingResponse> {
    return this.#run(
      rpc('GetHashRing', 'any', (client) => client.getHashRing.bind(client)),
      {},
      options,
    );
  }

  getLeader(options?: CoordinatorCallOptions): Promise<GetLeaderResponse> {
    return this.#run(getLeaderMethod, {}, options);
  }

  /** ZOMBIE_NODE, UNSAFE and INVALID_ARGUMENT are final refusals. */
  async registerNode(node: NodeRegistration, options: RegistrationOptions = {}): Promise<Registered> {
    const { afterCleanStop = false, ...call } = options;
    const method = rpc('RegisterNode', 'leader', (client) => client.registerNode.bind(client));
    const response = await this.#run(method, { node: encodeRegistration(node), afterCleanStop }, call);
    return {
      alreadyRegistered: response.alreadyRegistered,
      clusterId: response.clusterId,
      version: response.version,
      heartbeatIntervalMs: Number(response.heartbeatIntervalMs),
    };
  }

  deregisterNode(
    nodeId: string,
    generationId: bigint,
    options?: CoordinatorCallOptions,
  ): Promise<DeregisterNodeResponse> {
    const method = rpc('DeregisterNode', 'leader', (client) => client.deregisterNode.bind(client));
    return this.#run(method, { nodeId, generationId }, options);
  }

  /** NODE_NOT_FOUND asks for a registration; ZOMBIE_NODE is final. */
  async heartbeat(report: HeartbeatReport, options?: CoordinatorCallOptions): Promise<HeartbeatAnswer> {
    const method = rpc('Heartbeat', 'leader', (client) => client.heartbeat.bind(client));
    const { silentPrimaries = [] } = report;
    const reportedState = encodeReportedState(report.reportedState);
    const request = { ...report, reportedState, silentPrimaries: silentPrimaries.map((silent) => ({ ...silent })) };
    const response = await this.#run(method, request, options);
    return {
      version: response.version,
      refreshRequired: response.refreshRequired,
      term: response.term,
      leaderId: response.leaderId,
      heartbeatIntervalMs: Number(response.heartbeatIntervalMs),
      suspectTimeoutMs: Number(response.suspectTimeoutMs),
      downTimeoutMs: Number(response.downTimeoutMs),
    };
  }

  async listHeartbeats(options?: CoordinatorCallOptions): Promise<readonly HeartbeatRecord[]> {
    const method = rpc('ListHeartbeats', 'leader', (client) => client.listHeartbeats.bind(client));
    return (await this.#run(method, {}, options)).records;
  }

  /** The applied commands after a version, oldest first, at most 200 at once and at most `limit`. */
  async getTopologyHistory(
    query: { readonly sinceVersion: bigint; readonly limit: number },
    options?: CoordinatorCallOptions,
  ): Promise<HistoryPage> {
    const method = rpc('GetTopologyHistory', 'any', (client) => client.getTopologyHistory.bind(client));
    const { updates, version, keptSinceVersion } = await this.#run(method, query, options);
    return { updates: updates.map(decodeUpdate), version, keptSinceVersion };
  }

  /**
   * Compare-and-swap of a partition on its epoch; the partition as it is then. VERSION_CONFLICT when it has changed since
   * the decision, ZOMBIE_NODE and UNSAFE when the change may not be made. A repetition of one that was made is VERSION_CONFLICT too.
   */
  async changePartition(
    { partition, generations = new Map(), acceptDataLoss = false, raisesEpoch = false }: PartitionChange,
    by: Requester,
    options?: CoordinatorCallOptions,
  ): Promise<Partition> {
    const method = rpc('ChangePartition', 'leader', (client) => client.changePartition.bind(client));
    const { inSync, replicas } = partition;
    const request = {
      partition: { ...partition, inSync: [...inSync], replicas: [...replicas] },
      generations: Object.fromEntries(generations),
      acceptDataLoss,
      raiseEpoch: raisesEpoch,
      audit: auditOf(by),
    };
    const response = await this.#run(method, request, options);
    return response.partition ?? partition;
  }

  /** What the coordinators will do about the partitions by themselves, and what has to wait; nothing is done. */
  planPartitions(options?: CoordinatorCallOptions): Promise<PlanPartitionsResponse> {
    const method = rpc('PlanPartitions', 'leader', (client) => client.planPartitions.bind(client));
    return this.#run(method, {}, options);
  }

  /**
   * Hands leadership to the named coordinator. NODE_NOT_FOUND when it does not stand ready. With an
   * empty name the choice is the leader's, and a repeated call may move leadership once more.
   */
  transferLeader(targetId: string, by: Requester, options?: CoordinatorCallOptions): Promise<TransferLeaderResponse> {
    const method = slow(rpc('TransferLeader', 'leader', (client) => client.transferLeader.bind(client)));
    return this.#run(method, { targetId, audit: auditOf(by) }, options);
  }

  /** UNIMPLEMENTED where the consensus engine is not the cluster's own. */
  addConsensusMember(
    member: { readonly nodeId: string; readonly peerAddress: string },
    by: Requester,
    options?: CoordinatorCallOptions,
  ): Promise<AddConsensusMemberResponse> {
    const method = slow(rpc('AddConsensusMember', 'leader', (client) => client.addConsensusMember.bind(client)));
    return this.#run(method, { ...member, audit: auditOf(by) }, options);
  }

  /** UNSAFE when the rest would have no quorum. */
  removeConsensusMember(
    nodeId: string,
    by: Requester,
    options?: CoordinatorCallOptions,
  ): Promise<RemoveConsensusMemberResponse> {
    const method = slow(rpc('RemoveConsensusMember', 'leader', (client) => client.removeConsensusMember.bind(client)));
    return this.#run(method, { nodeId, audit: auditOf(by) }, options);
  }

  /** What the coordinator at one address says of itself: one try, there and nowhere else. Never rejects. */
  async askCoordinator(address: string, options?: CoordinatorCallOptions): Promise<CoordinatorAnswer> {
    const client = this.#channels.client(CoordinatorServiceClient, address);
    const { timeoutMs = this.#timeoutMs, signal } = options ?? {};
    const target = { endpoint: address, timeoutMs, clock: this.#clock, signal };
    const [leader, consensus] = await Promise.allSettled([
      callUnary(client.getLeader.bind(client), {}, { ...target, method: 'GetLeader' }),
      callUnary(client.getConsensusStatus.bind(client), {}, { ...target, method: 'GetConsensusStatus' }),
    ]);
    const failed = [consensus, leader].find((outcome) => outcome.status === 'rejected');
    return {
      leader: leader.status === 'fulfilled' ? leader.value : undefined,
      consensus: consensus.status === 'fulfilled' ? consensus.value : undefined,
      error: failed === undefined ? undefined : asStratumError(failed.reason),
    };
  }

  /**
   * Events after a version (0: a full-sync first) from one coordinator until the signal aborts or
   * the stream fails; the next call then goes to the next coordinator. TopologyView keeps it going.
   */
  async *watchTopology(sinceVersion: bigint, signal: AbortSignal): AsyncGenerator<WatchEvent, void, undefined> {
    const address = this.#endpoints.any;
    const client = this.#channels.client(CoordinatorServiceClient, address);
    // A watch has no end of its own: the caller's signal bounds each silence.
    const target = { endpoint: address, method: 'WatchTopology', timeoutMs: Infinity, clock: this.#clock, signal };
    try {
      for await (const response of callServerStream(client.watchTopology.bind(client), { sinceVersion }, target)) {
        const event = decodeWatchEvent(response);
        if (event !== undefined) yield event;
      }
    } catch (error) {
      this.#endpoints.learn(address, asStratumError(error));
      throw error;
    }
  }

  #run<Request, Response>(
    method: CoordinatorMethod<Request, Response>,
    request: Request,
    options?: CoordinatorCallOptions,
  ): Promise<Response> {
    return this.#leaderCall.run(method, request, {
      timeoutMs: options?.timeoutMs ?? this.#timeoutMs,
      signal: options?.signal,
    });
  }
}

/** The coordinator sets the time itself. */
function auditOf({ actor, reason }: Requester) {
  return { actor, reason, atMs: 0n };
}

function rpc<Request, Response>(
  name: string,
  at: CoordinatorMethod<Request, Response>['at'],
  of: CoordinatorMethod<Request, Response>['of'],
): CoordinatorMethod<Request, Response> {
  return { name, at, of };
}

function slow<Request, Response>(method: CoordinatorMethod<Request, Response>): CoordinatorMethod<Request, Response> {
  return { ...method, isSlow: true };
}
