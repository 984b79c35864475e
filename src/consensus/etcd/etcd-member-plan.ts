import { StratumError } from '../../base/errors.ts';
import { GiB, MiB } from '../../base/units.ts';
import type { PeerAnswer, PeerMember } from './etcd-member-peers.ts';

/** How a member enters its cluster, as etcd's flags say it; etcd looks at them only while it has no data. */
export interface JoinPlan {
  readonly state: 'new' | 'existing';
  /** name=URL of every member. */
  readonly initialCluster: string;
}

/** What is known of a member before it starts. */
export interface MemberPlace {
  readonly nodeId: string;
  /** host:port by node id, the own one too. */
  readonly peers: Readonly<Record<string, string>>;
  /** Whether the member has run from its folder before. */
  readonly hasData: boolean;
  /** Whether its coordinator has been in a cluster before. */
  readonly hasJoinedBefore: boolean;
}

/** Where a member listens, and keeps its data. */
export interface MemberListeners {
  readonly nodeId: string;
  readonly folder: string;
  /** host:port that the other members are told. */
  readonly peerAddress: string;
  readonly peerListen: string;
  readonly clientListen: string;
}

/**
 * etcd's own default for a local network, with room for a slow disk: a follower that hears nothing
 * for the election time-out stands for election.
 */
const heartbeatIntervalMs = 50;
const electionTimeoutMs = 500;

/** Revisions that are kept for watches that come back; the topology's own history is shorter. */
const revisionsKept = 1_000;

/** All kept revisions of the heartbeats of a thousand nodes, twice over. */
const databaseBytesMax = 4 * GiB;

/** The snapshot of a topology is one value. */
const requestBytesMax = 8 * MiB;

/** The same at every member; what tells clusters apart is their members' addresses. */
const clusterToken = 'stratum';

/** The arguments of the etcd process. */
export function memberArguments(listeners: MemberListeners, { state, initialCluster }: JoinPlan): string[] {
  const { nodeId, folder, peerAddress, peerListen, clientListen } = listeners;
  const flags = {
    name: nodeId,
    'data-dir': folder,
    'listen-peer-urls': `http://${peerListen}`,
    'initial-advertise-peer-urls': `http://${peerAddress}`,
    'listen-client-urls': `http://${clientListen}`,
    'advertise-client-urls': `http://${clientListen}`,
    'initial-cluster': initialCluster,
    'initial-cluster-state': state,
    'initial-cluster-token': clusterToken,
    'heartbeat-interval': heartbeatIntervalMs,
    'election-timeout': electionTimeoutMs,
    'pre-vote': true,
    'enable-v2': false,
    'auto-compaction-mode': 'revision',
    'auto-compaction-retention': revisionsKept,
    'quota-backend-bytes': databaseBytesMax,
    'max-request-bytes': requestBytesMax,
    'grpc-keepalive-min-time': '1s',
    logger: 'zap',
    'log-level': 'warn',
    'log-outputs': 'stderr',
  };
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}

/**
 * Decides how a member enters its cluster by what the others say. UNSAFE when its folder was wiped: a
 * member that has forgotten its votes could undo what was committed. ETCD_FAILED when the others do
 * not expect it.
 */
export function planJoin(place: MemberPlace, answers: readonly PeerAnswer[]): JoinPlan {
  const { nodeId, peers, hasData, hasJoinedBefore } = place;
  const address = peers[nodeId] ?? '';
  const asConfigured: JoinPlan = {
    state: 'new',
    initialCluster: clusterText(Object.entries(peers).map(([name, peer]) => [name, `http://${peer}`])),
  };
  if (hasData) return asConfigured;
  const known = answers.flatMap((answer) => ownOf(answer, place).map((member) => ({ answer, member })));
  const started = known.find(({ member }) => member.clientUrls.length > 0);
  if (started !== undefined) throw wiped(started.member.name, nodeId, address);
  const added = known.find(({ member }) => member.name === '');
  if (added !== undefined) return { state: 'existing', initialCluster: clusterOf(added.answer, place) };
  // A cluster that is forming knows its members by name before they have started.
  const forming = known.find(({ member }) => member.peerUrls.includes(`http://${address}`));
  if (forming !== undefined) return asConfigured;
  if (answers.length > 0) throw unexpected(nodeId, address);
  if (hasJoinedBefore) throw wiped(nodeId, nodeId, address);
  return asConfigured;
}

/** ETCD_FAILED when the member that runs and one that answers are not of the same cluster. */
export function refuseOtherCluster(own: PeerAnswer, others: readonly PeerAnswer[], folder: string): void {
  const other = others.find(({ clusterId }) => clusterId !== own.clusterId);
  if (other === undefined) return;
  const message = `cluster ID mismatch: ${folder} is of etcd cluster ${own.clusterId}, the other members of ${other.clusterId}`;
  throw new StratumError('ETCD_FAILED', message, undefined, {
    hint: 'give all coordinators the same etcd.peers; a folder from another cluster must be moved away',
  });
}

/** Whether the others know their members and this one is not among them. */
export function isRemoved(place: MemberPlace, answers: readonly PeerAnswer[]): boolean {
  return place.hasData && answers.length > 0 && answers.every((answer) => ownOf(answer, place).length === 0);
}

function ownOf({ members }: PeerAnswer, { nodeId, peers }: MemberPlace): readonly PeerMember[] {
  const url = `http://${peers[nodeId]}`;
  return members.filter(({ name, peerUrls }) => name === nodeId || peerUrls.includes(url));
}

/** The members that a running cluster has, each under the name that it or the configuration gives. */
function clusterOf({ members }: PeerAnswer, { nodeId, peers }: MemberPlace): string {
  const names = new Map(Object.entries(peers).map(([name, address]) => [`http://${address}`, name]));
  return clusterText(
    members.flatMap(({ name, peerUrls }, index) =>
      peerUrls.map((url): [string, string] => {
        const isOwn = names.get(url) === nodeId;
        return [isOwn ? nodeId : name || names.get(url) || `not-started-${index}`, url];
      }),
    ),
  );
}

function clusterText(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, url]) => `${name}=${url}`).join(',');
}

function wiped(memberId: string, nodeId: string, address: string): StratumError {
  const message = `the etcd member ${memberId} has run before, and its folder is empty now: its data was lost`;
  const steps = `"stratum cluster member remove ${memberId}", then "stratum cluster member add ${nodeId}=${address}"`;
  return new StratumError('UNSAFE', message, undefined, { hint: `on a running coordinator: ${steps}` });
}

function unexpected(nodeId: string, address: string): StratumError {
  const message = `the coordinators that run do not know an etcd member ${nodeId} at ${address}`;
  return new StratumError('ETCD_FAILED', message, undefined, {
    hint: `first, on a running coordinator: "stratum cluster member add ${nodeId}=${address}"`,
  });
}
