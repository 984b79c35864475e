import type { Node, NodeState, Partition, Topology } from '../../../src/topology/topology.ts';
import { FakeCluster } from './fake-cluster.ts';
import { sampleNode, sampleTopology } from './sample-topology.ts';

/** A partition of metadata nodes that are named by their numbers; the first one in sync is the primary. */
export function samplePartition(id: number, inSync: readonly number[], replicas = inSync, epoch = 5n): Partition {
  const named = (numbers: readonly number[]) => numbers.map((number) => `metadata-${number}`);
  const [primaryId = ''] = named(inSync);
  return { id, epoch, primaryId, inSync: named(inSync), replicas: named(replicas) };
}

/** Four metadata nodes and an object node. */
export function partitionTopology(
  partitions: readonly Partition[],
  states: Readonly<Record<string, NodeState>> = {},
  changes: Readonly<Record<string, Partial<Node>>> = {},
): Topology {
  const ids = ['object-1', ...[1, 2, 3, 4].map((number) => `metadata-${number}`)];
  const nodes = ids.map((id) => {
    const role = id === 'object-1' ? 'object' : 'metadata';
    return sampleNode(id, role, { state: states[id] ?? 'ACTIVE', generationId: 7n, ...changes[id] });
  });
  return sampleTopology({}, { nodes: new Map(nodes.map((node) => [node.id, node])), partitions });
}

/** A cluster with those partitions. */
export function partitionCluster(...given: Parameters<typeof partitionTopology>): FakeCluster {
  const cluster = new FakeCluster();
  cluster.topology = partitionTopology(...given);
  return cluster;
}

/** What the primary does when a replica has caught up: the topology afterwards, as a watch brings it. */
export function joinInSync(cluster: FakeCluster, id: number, nodeId: string) {
  const { topology } = cluster;
  const partitions = topology.partitions.map((partition) =>
    partition.id === id
      ? { ...partition, epoch: partition.epoch + 1n, inSync: [...partition.inSync, nodeId] }
      : partition,
  );
  cluster.topology = { ...topology, version: topology.version + 1n, partitions };
  return { kind: 'full-sync', topology: cluster.topology } as const;
}
