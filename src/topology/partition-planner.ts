import type { Mark } from './mark-limit.ts';
import { MetadataNodes, type NodeReport } from './metadata-nodes.ts';
import { planFailovers } from './partition-failover.ts';
import type { PartitionPlan, PlannedChange } from './partition-plan.ts';
import { levelPrimaries } from './primary-balance.ts';
import { primaryLoads } from './primary-choice.ts';
import { ReplicaPlacement } from './replica-placement.ts';
import type { Topology } from './topology.ts';

/** So many partitions have a replica that catches up at the same time, and so many primaries are balanced by one plan. */
const movesMax = 8;

/**
 * A node has to be ACTIVE for so many leases, and not to have been deposed as silent, before primaries are moved to it
 * only for the balance: it may be flapping.
 */
const settledLeases = 10;

/** What the plan goes by beside the topology. */
export interface PlannerInput {
  /** By node id: the leader's memory of the latest heartbeats. */
  readonly reports: ReadonlyMap<string, NodeReport>;
  /** Monotonic time, of the clock that `deposed` is of. */
  readonly nowMs: number;
  /** Wall time, of the clock that stamps the changes of states. */
  readonly atMs: number;
  /** What the plan before gave. */
  readonly deposed: readonly Mark[];
}

/**
 * What is to be done about the partitions, at this moment. Pure and the same whatever the order of the maps, so that
 * what is shown before is what is done: fail-over first, then replicas, then the balance of primaries. Every change is a
 * compare-and-swap for itself, takes nobody into an in-sync set (a primary does that), and needs no other change of the
 * plan; what has stages goes on with the plan after the next update. Repeated and carried out it comes to an end.
 */
export function planPartitions(topology: Topology, input: PlannerInput): PartitionPlan {
  const { reports, nowMs, atMs, deposed } = input;
  const nodes = new MetadataNodes(topology, reports, atMs);
  const primaries = primaryLoads(topology);
  const failovers = planFailovers({ topology, nodes, loads: primaries, nowMs, deposed });
  const deferredNow = [
    ...failovers.changes.map(({ partition }) => partition.id),
    ...failovers.deferred.map(({ partition }) => partition),
  ];
  const placement = new ReplicaPlacement({
    topology,
    nodes,
    primaries,
    taken: new Set(failovers.changes.map(({ partition }) => partition.id)),
    catchingUpMax: movesMax,
  });
  const busy = new Set([...deferredNow, ...placement.changes.map(({ partition }) => partition.id)]);
  const settledMs = topology.settings.metadataLeaseMs * settledLeases;
  const steady = topology.partitions.filter(
    ({ id, epoch, primaryId }) => epoch > 0n && !busy.has(id) && nodes.isReady(primaryId),
  );
  const suspects = new Set(failovers.deposed.map(({ nodeId }) => nodeId));
  const isSettled = (id: string) => !suspects.has(id) && nodes.stateAgeMs(id, atMs) >= settledMs;
  const ready = nodes.ready.map(({ id }) => id);
  const moves = levelPrimaries(steady, {
    loads: primaries,
    givers: ready,
    takers: ready.filter(isSettled),
    movesMax,
  });
  const balance = moves.map(
    ({ partition, primaryId }): PlannedChange => ({
      step: 'balance',
      partition: { ...partition, primaryId },
      reason: `its primary ${partition.primaryId} has more partitions than its share`,
    }),
  );
  return {
    changes: [...failovers.changes, ...placement.changes, ...balance],
    deferred: [...failovers.deferred, ...placement.deferred].sort((left, right) => left.partition - right.partition),
    deposed: failovers.deposed,
  };
}
