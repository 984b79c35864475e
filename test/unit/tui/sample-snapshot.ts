import type { Node, NodeRole, NodeState, Partition, Topology } from '../../../src/topology/topology.ts';
import type { WatchSnapshot } from '../../../src/tui/watch-snapshot.ts';
import { sampleReport } from '../cli/fake-cluster.ts';

function node(id: string, role: NodeRole, state: NodeState): Node {
  return {
    id,
    generationId: 1_763_730_000_000n,
    roles: [role],
    address: '127.0.0.1:7480',
    httpUrl: role === 'frontend' ? 'http://127.0.0.1:8480' : '',
    labels: {},
    weight: 100,
    diskId: id,
    softwareVersion: '0.1.0',
    capacityBytes: 0n,
    state,
    stateSinceMs: 0,
    registeredAtMs: 0,
    intent: 'SERVE',
  };
}

/** A cluster of eight nodes; `states` changes some of them. */
export function sampleSnapshot(states: Readonly<Record<string, NodeState>> = {}): WatchSnapshot {
  const ids: readonly [string, NodeRole][] = [
    ['coordinator-1', 'coordinator'],
    ['object-1', 'object'],
    ['object-2', 'object'],
    ['object-3', 'object'],
    ['metadata-1', 'metadata'],
    ['frontend-1', 'frontend'],
  ];
  const partitions: Partition[] = [0, 1, 2, 3].map((id) => {
    return { id, epoch: 1n, primaryId: 'metadata-1', inSync: ['metadata-1'], replicas: ['metadata-1'] };
  });
  const ringNodes = ['object-1', 'object-2', 'object-3'].map((nodeId) => ({ nodeId, weight: 100, zone: '' }));
  const topology: Topology = {
    clusterId: 'c',
    version: 14n,
    term: 2n,
    nodes: new Map(ids.map(([id, role]) => [id, node(id, role, states[id] ?? 'ACTIVE')])),
    ring: { epoch: 1n, replicationFactor: 3, writeQuorum: 2, virtualNodes: 8, nodes: ringNodes },
    partitions,
    settings: {
      partitions: 4,
      replicationFactor: 3,
      writeQuorum: 2,
      virtualNodes: 8,
      bootstrapExpectObject: 3,
      bootstrapExpectMetadata: 1,
      heartbeatIntervalMs: 1000,
      suspectTimeoutMs: 3000,
      downTimeoutMs: 6000,
      metadataReplicas: 3,
      metadataLeaseMs: 1000,
    },
  };
  const heartbeat = {
    ageMs: 1500,
    suspectTimeoutMs: 3000,
    downTimeoutMs: 6000,
    flapCount: 0,
    storedBytes: 3 * 1024 ** 3,
    residentBytes: 90 * 1024 ** 2,
    gitRequests: 12,
  };
  return {
    clusterName: 'demo',
    topology,
    leaderId: 'coordinator-1',
    leaderAddress: '127.0.0.1:7480',
    leaderTerm: 3n,
    survey: { reports: [sampleReport(1)], silent: [] },
    heartbeats: new Map(ids.map(([id]) => [id, heartbeat])),
    changes: [{ version: 14n, atMs: 1_700_000_000_000, text: 'object-2 is SUSPECT' }],
    disconnectedMs: 0,
  };
}
