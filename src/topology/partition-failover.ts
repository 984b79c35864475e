import { inSyncFloor, mayShrink } from './in-sync-floor.ts';
import { limitMarks, type Mark } from './mark-limit.ts';
import type { MetadataNodes } from './metadata-nodes.ts';
import type { NodeLoads } from './node-loads.ts';
import type { Deferred, PlannedChange } from './partition-plan.ts';
import { choosePrimary } from './primary-choice.ts';
import type { Partition, Topology } from './topology.ts';

/** For so many leases a primary that was deposed on reports counts against the limit. */
const windowLeases = 10;

/** What share of the metadata nodes may lose their primaries on reports within the window; one always may. */
const deposedShare = 1 / 3;

/** Why a primary has to go. */
type Cause = 'down' | 'silent' | 'stopping' | 'drained';

interface Fallen {
  readonly partition: Partition;
  readonly cause: Cause;
}

/** What fail-over needs to know. */
export interface FailoverView {
  readonly topology: Topology;
  readonly nodes: MetadataNodes;
  /** Follows what is planned. */
  readonly loads: NodeLoads;
  /** Monotonic time, of the clock that `deposed` is of. */
  readonly nowMs: number;
  readonly deposed: readonly Mark[];
}

/**
 * Primaries that are DOWN, stop, are to be drained, or are not heard by any ACTIVE in-sync replica give way to one. A
 * dead or silent one also leaves the in-sync set, as far as it stays large enough. When the reports would depose very
 * many within a short time, the fault is rather in the network than in each of them (etcd 15247): the rest waits.
 */
export function planFailovers(view: FailoverView): {
  readonly changes: readonly PlannedChange[];
  readonly deferred: readonly Deferred[];
  readonly deposed: readonly Mark[];
} {
  const { topology, nodes } = view;
  const fallen = topology.partitions.flatMap((partition) => {
    const cause = partition.epoch > 0n ? causeOf(partition, nodes) : undefined;
    return cause === undefined ? [] : [{ partition, cause }];
  });
  const { deposed, allowed } = limited(fallen, view);
  const avoided = new Set(deposed.map(({ nodeId }) => nodeId));
  const changes: PlannedChange[] = [];
  const deferred: Deferred[] = [];
  for (const { partition, cause } of fallen) {
    const { id, primaryId } = partition;
    const why = reasonOf(partition, cause, nodes);
    if (cause === 'silent' && !allowed.has(primaryId)) {
      deferred.push({ step: 'failover', partition: id, reason: `${why}; others were deposed on reports a moment ago` });
      continue;
    }
    const change = failover(partition, cause, { ...view, avoided });
    if (change === undefined)
      deferred.push({ step: 'failover', partition: id, reason: `${why}; no other in-sync replica is ACTIVE` });
    else
      changes.push({
        step: cause === 'down' || cause === 'silent' ? 'failover' : 'handover',
        partition: change,
        reason: why,
      });
  }
  return { changes, deferred, deposed };
}

function causeOf(partition: Partition, nodes: MetadataNodes): Cause | undefined {
  const { primaryId } = partition;
  if (nodes.isDown(primaryId)) return 'down';
  if (reportersOf(partition, nodes) !== undefined) return 'silent';
  if (nodes.isStopping(primaryId)) return 'stopping';
  return nodes.isDrained(primaryId) ? 'drained' : undefined;
}

/** The ACTIVE in-sync replicas when there are any and all of them report the primary; one that is heard by anybody stays. */
function reportersOf(partition: Partition, nodes: MetadataNodes): readonly string[] | undefined {
  const others = partition.inSync.filter((id) => id !== partition.primaryId && nodes.isActive(id));
  return others.length > 0 && others.every((id) => nodes.reportsSilent(id, partition)) ? others : undefined;
}

/** The nodes that may be deposed on reports: those with the most reported partitions first. */
function limited(fallen: readonly Fallen[], { topology, nowMs, deposed }: FailoverView) {
  const counts = new Map<string, number>();
  for (const { partition, cause } of fallen) {
    if (cause === 'silent') counts.set(partition.primaryId, (counts.get(partition.primaryId) ?? 0) + 1);
  }
  const wanted = [...counts]
    .sort(([left, leftCount], [right, rightCount]) => rightCount - leftCount || (left < right ? -1 : 1))
    .map(([nodeId]) => ({ nodeId }));
  const metadataNodes = [...topology.nodes.values()].filter(({ roles }) => roles.includes('metadata')).length;
  const marksMax = Math.max(1, Math.floor(metadataNodes * deposedShare));
  const windowMs = topology.settings.metadataLeaseMs * windowLeases;
  const { marks, allowed } = limitMarks(deposed, wanted, { nowMs, windowMs, marksMax });
  return { deposed: marks, allowed: new Set(allowed.map(({ nodeId }) => nodeId)) };
}

function failover(
  partition: Partition,
  cause: Cause,
  { topology, nodes, loads, avoided }: FailoverView & { readonly avoided: ReadonlySet<string> },
): Partition | undefined {
  const others = partition.inSync.filter((id) => id !== partition.primaryId);
  const allReady = others.filter((id) => nodes.isReady(id));
  // Whoever was not heard a moment ago is no better for another partition, as long as there is somebody else.
  const unsuspected = allReady.filter((id) => !avoided.has(id));
  const ready = unsuspected.length > 0 ? unsuspected : allReady;
  // Better a primary that is to be drained than none; from one drained node to another nothing is gained.
  const candidates = ready.length > 0 || cause === 'drained' ? ready : others.filter((id) => canServe(id, nodes));
  const primaryId = choosePrimary(partition.id, candidates, loads);
  if (primaryId === undefined) return undefined;
  loads.add(partition.primaryId, -1);
  loads.add(primaryId);
  const isGone = cause === 'down' || cause === 'silent';
  const leaves = isGone && mayShrink(partition.inSync.length, inSyncFloor(topology));
  return { ...partition, primaryId, inSync: leaves ? others : partition.inSync };
}

function canServe(nodeId: string, nodes: MetadataNodes): boolean {
  return (nodes.isActive(nodeId) || nodes.isDraining(nodeId)) && !nodes.isStopping(nodeId);
}

function reasonOf(partition: Partition, cause: Cause, nodes: MetadataNodes): string {
  const { primaryId } = partition;
  switch (cause) {
    case 'down':
      return `its primary ${primaryId} is DOWN`;
    case 'silent':
      return `its primary ${primaryId} is not heard by ${(reportersOf(partition, nodes) ?? []).join(', ')}`;
    case 'stopping':
      return `its primary ${primaryId} stops`;
    case 'drained':
      return `its primary ${primaryId} is drained`;
  }
}
