import type { ChangePartition } from '../../../src/topology/commands.ts';
import type { Mark } from '../../../src/topology/mark-limit.ts';
import type { NodeReport } from '../../../src/topology/metadata-nodes.ts';
import type { PartitionPlan, PlannedChange } from '../../../src/topology/partition-plan.ts';
import { planPartitions } from '../../../src/topology/partition-planner.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { ClusterSettings, NodeIntent, Partition, Topology } from '../../../src/topology/topology.ts';
import { sampleRequester } from './any-command.ts';
import { applied, emptyCluster, register, setState } from './sample-cluster.ts';

/** A metadata node of a sample. */
export interface SampleNode {
  readonly id: string;
  readonly zone?: string;
  readonly weight?: number;
}

/** Long after every change of a state in these tests. */
export const laterMs = 1_000_000;

/** A cluster of ACTIVE metadata nodes that has assigned its partitions. */
export function metadataCluster(nodes: readonly SampleNode[], changes: Partial<ClusterSettings> = {}): Topology {
  const empty = emptyCluster({ bootstrapExpectMetadata: nodes.length, ...changes });
  return applied(empty, ...nodes.flatMap(joined));
}

/** The commands by which a metadata node joins. */
export function joined({ id, zone, weight = 100 }: SampleNode) {
  const labels = zone === undefined ? {} : { zone };
  return [register({ id, roles: ['metadata'], labels, weight }), setState(id, 'ACTIVE')];
}

/** The same nodes as m-1, m-2, … without zones. */
export function plainNodes(count: number): readonly SampleNode[] {
  return Array.from({ length: count }, (_, index) => ({ id: `m-${index + 1}` }));
}

export function intent(nodeId: string, wanted: NodeIntent) {
  return {
    kind: 'set-node-intent',
    atMs: 0,
    nodeId,
    intent: wanted,
    expectedVersion: undefined,
    by: sampleRequester,
  } as const;
}

export function down(nodeId: string, atMs = 0) {
  return [setState(nodeId, 'SUSPECT', 1n, atMs), setState(nodeId, 'DOWN', 1n, atMs)];
}

export interface PlanOptions {
  readonly reports?: Readonly<Record<string, Partial<NodeReport>>>;
  readonly nowMs?: number;
  readonly atMs?: number;
  readonly deposed?: readonly Mark[];
}

/** The plan of a leader that has heard what is given. */
export function plan(topology: Topology, options: PlanOptions = {}): PartitionPlan {
  const { reports = {}, nowMs = 0, atMs = laterMs, deposed = [] } = options;
  const silent: NodeReport = { generationId: 1n, reportedState: 'READY', silentPrimaries: [] };
  const heard = Object.entries(reports).map(([id, report]): [string, NodeReport] => [id, { ...silent, ...report }]);
  return planPartitions(topology, { reports: new Map(heard), nowMs, atMs, deposed });
}

/** The command of a change, as its proposer makes it. */
export function commandOf({ partition, reason }: PlannedChange): ChangePartition {
  const by = { actor: 'coordinator', reason };
  const usual = { generations: new Map(), acceptDataLoss: false, raiseEpoch: false };
  return { kind: 'change-partition', atMs: laterMs, partition, ...usual, by };
}

/** Carries a plan out; whatever the reducer refuses, or does otherwise than planned, throws. */
export function carryOut(topology: Topology, { changes }: PartitionPlan): Topology {
  return changes.reduce((at, change) => {
    const next = reduce(at, commandOf(change), 1n).topology;
    const { epoch, ...wanted } = change.partition;
    const { epoch: reached, ...is } = partitionOf(next, wanted.id);
    if (reached !== epoch + 1n || JSON.stringify(is) !== JSON.stringify(wanted)) {
      throw new Error(`partition ${wanted.id} is ${JSON.stringify(is)}, and was to become ${JSON.stringify(wanted)}`);
    }
    return next;
  }, topology);
}

/** What primaries do that serve: they take every replica that is alive into the in-sync set. */
export function catchUp(topology: Topology): Topology {
  return topology.partitions.reduce((at, partition) => {
    const isAlive = (id: string) => ['ACTIVE', 'DRAINING'].includes(at.nodes.get(id)?.state ?? 'DOWN');
    const added = partition.replicas.filter((id) => isAlive(id) && !partition.inSync.includes(id));
    if (!isAlive(partition.primaryId) || added.length === 0) return at;
    const generations = new Map(added.map((id) => [id, at.nodes.get(id)?.generationId ?? 0n]));
    const next = { ...partition, inSync: [...partition.inSync, ...added] };
    const change: PlannedChange = { step: 'add-replica', partition: next, reason: 'caught up' };
    return reduce(at, { ...commandOf(change), generations }, 1n).topology;
  }, topology);
}

/** Plans and carries out until nothing is left to do; throws when that takes more than `roundsMax`. */
export function settle(
  topology: Topology,
  options: PlanOptions & { readonly roundsMax?: number } = {},
): { readonly topology: Topology; readonly changes: readonly PlannedChange[] } {
  const changes: PlannedChange[] = [];
  let at = topology;
  for (let round = 0; round < (options.roundsMax ?? 400); round += 1) {
    const next = plan(at, options);
    const after = catchUp(carryOut(at, next));
    if (after === at) return { topology: at, changes };
    changes.push(...next.changes);
    at = after;
  }
  throw new Error(`no end: ${changes.slice(-6).map(({ partition, reason }) => `${partition.id} ${reason}`)}`);
}

export function partitionOf({ partitions }: Topology, id: number): Partition {
  const found = partitions.find((partition) => partition.id === id);
  if (found === undefined) throw new Error(`no partition ${id}`);
  return found;
}

/** How many partitions each metadata node holds, and is the primary of. */
export function countsOf({ nodes, partitions }: Topology) {
  const metadata = [...nodes.values()].filter(({ roles }) => roles.includes('metadata'));
  return metadata.map(({ id }) => ({
    id,
    replicas: partitions.filter(({ replicas }) => replicas.includes(id)).length,
    primaries: partitions.filter(({ primaryId }) => primaryId === id).length,
  }));
}

/** The largest difference between any two of the numbers. */
export function spreadOf(numbers: readonly number[]): number {
  return Math.max(...numbers) - Math.min(...numbers);
}
