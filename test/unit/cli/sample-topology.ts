import type { Node, NodeRole, NodeState, Topology } from '../../../src/topology/topology.ts';

/** A node of the sample; `changes` override what it has. */
export function sampleNode(id: string, role: NodeRole, changes: Partial<Node> = {}): Node {
  return {
    id,
    generationId: 18_446_744_073_709_551_615n,
    roles: [role],
    address: `${id}.test:7480`,
    httpUrl: role === 'frontend' ? 'http://127.0.0.1:8480' : '',
    labels: role === 'object' ? { zone: 'a' } : {},
    weight: 100,
    diskId: `disk-${id}`,
    softwareVersion: '0.1.0',
    capacityBytes: 1_000_000n,
    state: 'ACTIVE',
    stateSinceMs: 1_700_000_000_000,
    registeredAtMs: 1_700_000_000_000,
    intent: 'SERVE',
    ...changes,
  };
}

const ids: readonly (readonly [string, NodeRole])[] = [
  ['coordinator-1', 'coordinator'],
  ['object-1', 'object'],
  ['object-2', 'object'],
  ['object-3', 'object'],
  ['metadata-1', 'metadata'],
  ['frontend-1', 'frontend'],
];

/** A cluster that has formed; `states` changes those of some nodes, `changes` the rest. */
export function sampleTopology(
  states: Readonly<Record<string, NodeState>> = {},
  changes: Partial<Topology> = {},
): Topology {
  const nodes = ids.map(([id, role]) => sampleNode(id, role, { state: states[id] ?? 'ACTIVE' }));
  return {
    clusterId: 'cluster-a',
    version: 14n,
    term: 3n,
    nodes: new Map(nodes.map((node) => [node.id, node])),
    ring: {
      epoch: 1n,
      replicationFactor: 3,
      writeQuorum: 2,
      virtualNodes: 8,
      nodes: ['object-1', 'object-2', 'object-3'].map((nodeId) => ({ nodeId, weight: 100, zone: '' })),
    },
    partitions: [0, 1].map((id) => {
      return { id, epoch: 5n, primaryId: 'metadata-1', inSync: ['metadata-1'], replicas: ['metadata-1'] };
    }),
    settings: {
      partitions: 2,
      replicationFactor: 3,
      writeQuorum: 2,
      virtualNodes: 8,
      bootstrapExpectObject: 3,
      bootstrapExpectMetadata: 1,
      heartbeatIntervalMs: 1_000,
      suspectTimeoutMs: 3_000,
      downTimeoutMs: 6_000,
      metadataReplicas: 3,
      metadataLeaseMs: 1_000,
    },
    ...changes,
  };
}
