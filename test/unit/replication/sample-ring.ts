import type { ClusterSettings, Node, NodeState, Topology, TopologySource } from '../../../src/topology/topology.ts';

const settings: ClusterSettings = {
  partitions: 1,
  replicationFactor: 3,
  writeQuorum: 2,
  virtualNodes: 16,
  bootstrapExpectObject: 3,
  bootstrapExpectMetadata: 1,
  heartbeatIntervalMs: 1000,
  suspectTimeoutMs: 3000,
  downTimeoutMs: 6000,
  metadataReplicas: 3,
  metadataLeaseMs: 1000,
};

/** Object nodes o1, o2, … with their states, in a ring with N=3 and W=2. */
export function ringOf(states: Readonly<Record<string, NodeState>>, changes: Partial<Topology> = {}): Topology {
  const ids = Object.keys(states);
  const nodes = ids.map((id): [string, Node] => [
    id,
    {
      id,
      generationId: 1n,
      roles: ['object'],
      address: `${id}:1`,
      httpUrl: '',
      labels: {},
      weight: 100,
      diskId: id,
      softwareVersion: '0',
      capacityBytes: 0n,
      state: states[id] ?? 'ACTIVE',
      stateSinceMs: 0,
      registeredAtMs: 0,
      intent: 'SERVE',
    },
  ]);
  return {
    clusterId: 'c',
    version: 1n,
    term: 1n,
    nodes: new Map(nodes),
    ring: {
      epoch: 1n,
      replicationFactor: 3,
      writeQuorum: 2,
      virtualNodes: 16,
      nodes: ids.map((nodeId) => ({ nodeId, weight: 100, zone: '' })),
    },
    partitions: [],
    settings,
    ...changes,
  };
}

/** Three nodes that are all well. */
export const healthy = { o1: 'ACTIVE', o2: 'ACTIVE', o3: 'ACTIVE' } as const;

/** A topology that a test can replace. */
export function topologyOf(first: Topology | undefined): TopologySource & { set(topology: Topology): void } {
  const listeners = new Set<(topology: Topology) => void>();
  let now = first;
  return {
    current: () => now,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(topology) {
      now = topology;
      for (const listener of [...listeners]) listener(topology);
    },
  };
}
