import { StratumError } from '../base/errors.ts';
import type { Node, Partition, Topology, TopologyUpdate } from './topology.ts';

/**
 * The topology that an update leads to. VERSION_CONFLICT when the update does not follow directly:
 * whoever holds the topology has missed something and reads it afresh.
 */
export function applyUpdate(topology: Topology, update: TopologyUpdate): Topology {
  if (update.previousVersion !== topology.version || update.version !== update.previousVersion + 1n) {
    const details = {
      what: 'topology version',
      expected: String(topology.version),
      current: String(update.previousVersion),
    };
    const message = `the update to version ${update.version} follows ${update.previousVersion}, not ${topology.version}`;
    throw new StratumError('VERSION_CONFLICT', message, details);
  }
  return {
    clusterId: topology.clusterId,
    version: update.version,
    term: update.term,
    nodes: withNodes(topology.nodes, update),
    ring: update.ring ?? topology.ring,
    partitions: withPartitions(topology.partitions, update.partitionsChanged),
    settings: update.settings ?? topology.settings,
  };
}

/** Kept in the order of ids, so that equal topologies are equal in every encoding. */
function withNodes(
  nodes: ReadonlyMap<string, Node>,
  { nodesChanged, nodesRemoved }: TopologyUpdate,
): ReadonlyMap<string, Node> {
  if (nodesChanged.length === 0 && nodesRemoved.length === 0) return nodes;
  const next = new Map(nodes);
  for (const node of nodesChanged) next.set(node.id, node);
  for (const id of nodesRemoved) next.delete(id);
  // A node that was there keeps its place; only a new one comes at the end.
  if (nodesChanged.every(({ id }) => nodes.has(id))) return next;
  return new Map([...next].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function withPartitions(partitions: readonly Partition[], changed: readonly Partition[]): readonly Partition[] {
  if (changed.length === 0) return partitions;
  const byId = new Map(changed.map((partition) => [partition.id, partition]));
  return partitions.map((partition) => byId.get(partition.id) ?? partition);
}
