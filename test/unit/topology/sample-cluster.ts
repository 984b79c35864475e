import type { TopologyCommand } from '../../../src/topology/commands.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { ClusterSettings, Node, NodeRegistration, NodeState, Topology } from '../../../src/topology/topology.ts';

/** Settings of a local cluster with few partitions. */
export function sampleSettings(changes: Partial<ClusterSettings> = {}): ClusterSettings {
  return {
    partitions: 8,
    replicationFactor: 3,
    writeQuorum: 2,
    virtualNodes: 8,
    bootstrapExpectObject: 3,
    bootstrapExpectMetadata: 2,
    heartbeatIntervalMs: 1_000,
    suspectTimeoutMs: 3_000,
    downTimeoutMs: 6_000,
    metadataReplicas: 3,
    metadataLeaseMs: 1_000,
    ...changes,
  };
}

/** A valid registration of an object node. */
export function sampleRegistration(changes: Partial<NodeRegistration> = {}): NodeRegistration {
  const { id = 'object-1' } = changes;
  return {
    id,
    generationId: 1n,
    roles: ['object'],
    address: '127.0.0.1:7001',
    httpUrl: '',
    labels: {},
    weight: 100,
    diskId: `disk-of-${id}`,
    softwareVersion: '0.1.0',
    capacityBytes: 1_000n,
    ...changes,
  };
}

/** A process that comes after one that ended in order. */
export function register(changes: Partial<NodeRegistration> = {}, atMs = 0): TopologyCommand {
  return { kind: 'register-node', atMs, node: sampleRegistration(changes), afterCleanStop: true };
}

export function setState(nodeId: string, state: NodeState, generationId = 1n, atMs = 0): TopologyCommand {
  return { kind: 'set-node-state', atMs, nodeId, generationId, state, reason: 'test' };
}

/** Applies commands one after the other under term 1. */
export function applied(topology: Topology, ...commands: readonly TopologyCommand[]): Topology {
  return commands.reduce((at, command) => reduce(at, command, 1n).topology, topology);
}

/** A cluster that nobody has joined. */
export function emptyCluster(changes: Partial<ClusterSettings> = {}): Topology {
  return createTopology('cluster-1', sampleSettings(changes));
}

/** Three object nodes in the ring and two metadata nodes with all partitions, all ACTIVE. */
export function formedCluster(): Topology {
  const objects = ['object-1', 'object-2', 'object-3'];
  const metadata = ['metadata-1', 'metadata-2'];
  return applied(
    emptyCluster(),
    ...objects.flatMap((id) => [register({ id }), setState(id, 'ACTIVE')]),
    ...metadata.flatMap((id) => [register({ id, roles: ['metadata'] }), setState(id, 'ACTIVE')]),
  );
}

export function nodeOf(topology: Topology, id: string): Node {
  const node = topology.nodes.get(id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
}
