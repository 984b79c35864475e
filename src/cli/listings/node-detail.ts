import { formatBytes, formatDuration } from '../../base/units.ts';
import { type RingShare, ringShares } from '../../topology/ring-shares.ts';
import type { Node, Topology } from '../../topology/topology.ts';
import type { NodeHeartbeat, TopologySnapshot } from '../connection.ts';
import type { Listing } from '../output/envelope.ts';
import { toTime } from '../output/json.ts';
import { percent } from '../percent.ts';
import type { HeartbeatsRead } from '../read-heartbeats.ts';

import { heartbeatItem } from './heartbeat-item.ts';
import { type NodeItem, nodeItem } from './node-item.ts';

/** Everything that is known of one node, in JSON. */
export interface NodeDetail extends NodeItem {
  /** Who set the intent; null while nobody did. */
  readonly intentBy: { readonly actor: string; readonly reason: string; readonly at: string } | null;
  /** Null for a node that is no member of the ring. */
  readonly ringShare: RingShare | null;
  /** Numbers of the partitions that it is the primary of. */
  readonly primaryOf: readonly number[];
  /** Numbers of the partitions that it is in sync for, as primary or replica. */
  readonly inSyncOf: readonly number[];
  readonly heartbeat: ReturnType<typeof heartbeatItem> | null;
}

interface Fact {
  readonly name: string;
  readonly value: string;
}

/** One node as a list of facts. */
export function nodeDetail(
  { topology, source }: TopologySnapshot,
  node: Node,
  read: HeartbeatsRead,
): Listing<NodeDetail, Fact> {
  const heartbeat = read.heartbeats.get(node.id);
  const item = detailItem(topology, node, heartbeat);
  return {
    kind: 'Node',
    source,
    items: [item],
    rows: [...identityFacts(item), ...dutyFacts(item, topology), ...heartbeatFacts(heartbeat)],
    columns: [
      { header: 'field', value: ({ name }) => name },
      { header: 'value', value: ({ value }) => value },
    ],
    name: ({ id }) => `node/${id}`,
    unreachable: read.unreachable,
  };
}

function detailItem(topology: Topology, node: Node, heartbeat: NodeHeartbeat | undefined): NodeDetail {
  const { partitions, ring } = topology;
  const { intentAudit: audit } = node;
  return {
    ...nodeItem(node),
    intentBy: audit === undefined ? null : { actor: audit.actor, reason: audit.reason, at: toTime(audit.atMs) },
    ringShare: ringShares(ring).get(node.id) ?? null,
    primaryOf: partitions.filter(({ primaryId }) => primaryId === node.id).map(({ id }) => id),
    inSyncOf: partitions.filter(({ inSync }) => inSync.includes(node.id)).map(({ id }) => id),
    heartbeat: heartbeat === undefined ? null : heartbeatItem(heartbeat),
  };
}

function identityFacts(item: NodeDetail): readonly Fact[] {
  const labels = Object.entries(item.labels).map(([key, value]) => `${key}=${value}`);
  const by = item.intentBy;
  const why = by === null || by.reason === '' ? '' : `: ${by.reason}`;
  return [
    { name: 'id', value: item.id },
    { name: 'roles', value: item.roles.join(', ') },
    { name: 'state', value: `${item.state} since ${item.stateSince}` },
    { name: 'intent', value: by === null ? item.intent : `${item.intent}, by ${by.actor} at ${by.at}${why}` },
    { name: 'address', value: item.address },
    { name: 'http', value: item.httpUrl },
    { name: 'labels', value: labels.join(', ') },
    { name: 'weight', value: String(item.weight) },
    { name: 'version', value: item.softwareVersion },
    { name: 'generation', value: String(item.generationId) },
    { name: 'registered', value: item.registeredAt },
    { name: 'disk', value: item.diskId },
    { name: 'capacity', value: item.capacityBytes === 0 ? '' : formatBytes(item.capacityBytes) },
  ];
}

function dutyFacts({ ringShare: share, primaryOf, inSyncOf }: NodeDetail, { ring, partitions }: Topology): Fact[] {
  const placed =
    share === null ? '' : `${percent(share.replica)} of all blobs, first choice for ${percent(share.primary)}`;
  const of = (numbers: readonly number[]) =>
    numbers.length === 0 ? '' : `${numbers.length} of ${partitions.length}: ${ranges(numbers)}`;
  return [
    { name: `ring ${ring.epoch}`, value: placed },
    { name: 'primary of', value: of(primaryOf) },
    { name: 'in sync of', value: of(inSyncOf) },
  ];
}

function heartbeatFacts(heartbeat: NodeHeartbeat | undefined): readonly Fact[] {
  if (heartbeat === undefined) return [{ name: 'heartbeat', value: '-' }];
  const { ageMs, suspectTimeoutMs, downTimeoutMs, flapCount, reportedState, knownVersion, uptimeMs } = heartbeat;
  const { storedBytes, blobCount, freeBytes, repoCount, gitRequests, residentBytes } = heartbeat;
  const timeouts = `SUSPECT after ${formatDuration(suspectTimeoutMs)}, DOWN after ${formatDuration(downTimeoutMs)}`;
  return [
    { name: 'heartbeat', value: `${formatDuration(ageMs)} ago; ${timeouts}` },
    { name: 'flaps', value: String(flapCount) },
    { name: 'reports', value: `${reportedState}, topology version ${knownVersion}` },
    { name: 'uptime', value: formatDuration(uptimeMs) },
    { name: 'stored', value: `${formatBytes(storedBytes)} in ${blobCount} blobs, ${formatBytes(freeBytes)} free` },
    { name: 'repositories', value: String(repoCount) },
    { name: 'requests', value: String(gitRequests) },
    { name: 'memory', value: formatBytes(residentBytes) },
  ];
}

/** Numbers in order as "0-3, 7". */
function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
