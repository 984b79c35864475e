import { firstPlacement } from './first-placement.ts';
import type { Node, NodeRole, Partition, Ring, Topology } from './topology.ts';

/** What the first nodes of a cluster bring about; an absent ring does not change. */
export interface Bootstrap {
  readonly ring?: Ring;
  /** Those that are assigned for the first time; empty when none is. */
  readonly partitions: readonly Partition[];
  /** What happened, for people; empty when nothing did. */
  readonly notes: readonly string[];
}

/**
 * Forms the first ring and assigns the partitions as soon as enough nodes are ACTIVE. Each happens
 * once in the life of a cluster; afterwards placement changes by numbered transitions alone. What an
 * operator has assigned by hand before stays with whom it was given to.
 */
export function bootstrap(topology: Topology): Bootstrap {
  const ring = firstRing(topology);
  const partitions = firstAssignment(topology);
  const notes = [];
  if (ring !== undefined) notes.push(`ring ${ring.epoch} formed of ${ring.nodes.length} nodes`);
  if (partitions.length > 0) notes.push(`${partitions.length} partitions assigned`);
  return {
    ...(ring === undefined ? {} : { ring }),
    partitions,
    notes,
  };
}

function firstRing(topology: Topology): Ring | undefined {
  const { ring, settings } = topology;
  if (ring.epoch > 0n) return undefined;
  const members = activeNodes(topology, 'object');
  if (members.length === 0 || members.length < settings.bootstrapExpectObject) return undefined;
  const nodes = members.map(({ id, weight, labels }) => ({ nodeId: id, weight, zone: labels.zone ?? '' }));
  return { ...ring, epoch: 1n, nodes };
}

function firstAssignment(topology: Topology): readonly Partition[] {
  const { partitions, settings } = topology;
  if (partitions.every(({ epoch }) => epoch > 0n)) return [];
  const candidates = activeNodes(topology, 'metadata');
  if (candidates.length === 0 || candidates.length < settings.bootstrapExpectMetadata) return [];
  const nodes = candidates.map(({ id, weight, labels }) => ({ id, weight, zone: labels.zone ?? '' }));
  const unassigned = partitions.filter(({ epoch }) => epoch === 0n).map(({ id }) => id);
  return firstPlacement(unassigned, nodes, settings.metadataReplicas);
}

/** By id. */
function activeNodes({ nodes }: Topology, role: NodeRole): Node[] {
  const active = [...nodes.values()].filter((node) => node.state === 'ACTIVE' && node.roles.includes(role));
  return active.sort((left, right) => (left.id < right.id ? -1 : 1));
}
