import { describe, expect, it } from 'vitest';
import { TopologyUpdate as UpdateMessage } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { Node as NodeMessage, Topology as TopologyMessage } from '../../../src/rpc/gen/stratum/v1/types.ts';
import {
  decodeRegistration,
  decodeReportedState,
  decodeTopology,
  decodeUpdate,
  encodeRegistration,
  encodeReportedState,
  encodeTopology,
  encodeUpdate,
} from '../../../src/rpc/topology-codec.ts';
import type { Node, Topology, TopologyUpdate } from '../../../src/topology/topology.ts';

const node: Node = {
  id: 'object-1',
  generationId: 2n ** 64n - 1n,
  roles: ['object', 'metadata'],
  address: '127.0.0.1:7481',
  httpUrl: '',
  labels: { zone: 'a' },
  weight: 100,
  diskId: 'd'.repeat(32),
  softwareVersion: '0.1.0',
  capacityBytes: 2n ** 40n,
  state: 'SUSPECT',
  stateSinceMs: 1_800_000_000_000,
  registeredAtMs: 1_700_000_000_000,
  intent: 'DRAIN',
};

const topology: Topology = {
  clusterId: 'c'.repeat(32),
  version: 2n ** 63n,
  term: 7n,
  nodes: new Map([[node.id, node]]),
  ring: {
    epoch: 3n,
    replicationFactor: 3,
    writeQuorum: 2,
    virtualNodes: 64,
    nodes: [{ nodeId: node.id, weight: 100, zone: 'a' }],
  },
  partitions: [{ id: 0, epoch: 1n, primaryId: node.id, inSync: [node.id], replicas: [node.id] }],
  settings: {
    partitions: 1,
    replicationFactor: 3,
    writeQuorum: 2,
    virtualNodes: 64,
    bootstrapExpectObject: 3,
    bootstrapExpectMetadata: 1,
    heartbeatIntervalMs: 10_000,
    suspectTimeoutMs: 30_000,
    downTimeoutMs: 60_000,
    metadataReplicas: 3,
    metadataLeaseMs: 3_000,
  },
};

describe('the topology on the wire', () => {
  it('comes back as it was, through the bytes', () => {
    const bytes = TopologyMessage.encode(encodeTopology(topology)).finish();
    expect(decodeTopology(TopologyMessage.decode(bytes))).toEqual(topology);
  });

  it('of a cluster that was created before there were settings of metadata replicas has the defaults', () => {
    const message = encodeTopology(topology);
    const settings = { ...encodeTopology(topology).settings, metadataReplicas: 0, metadataLeaseMs: 0n };
    const earlier = TopologyMessage.fromPartial({ ...message, settings });
    expect(decodeTopology(earlier).settings).toMatchObject({ metadataReplicas: 3, metadataLeaseMs: 3_000 });
  });

  it('carries updates with and without ring and settings', () => {
    const plain: TopologyUpdate = {
      version: 5n,
      previousVersion: 4n,
      term: 1n,
      atMs: 123,
      reason: 'register object-1',
      nodesChanged: [node],
      nodesRemoved: ['object-9'],
      partitionsChanged: [...topology.partitions],
    };
    for (const update of [plain, { ...plain, ring: topology.ring, settings: topology.settings }]) {
      const bytes = UpdateMessage.encode(encodeUpdate(update)).finish();
      expect(decodeUpdate(UpdateMessage.decode(bytes))).toEqual(update);
    }
  });

  it('drops from a registration what only the coordinator may say', () => {
    const message = NodeMessage.decode(NodeMessage.encode(encodeRegistration(node)).finish());
    const { state, stateSinceMs, registeredAtMs, intent, ...registration } = node;
    expect(decodeRegistration(message)).toEqual(registration);
    expect(message).toMatchObject({ state: 0, stateSinceMs: 0n, registeredAtMs: 0n, intent: 0 });
    expect([state, stateSinceMs, registeredAtMs, intent]).not.toContain(undefined);
  });

  it.each(['STARTING', 'READY', 'STOPPING'] as const)('carries the reported state %s', (state) => {
    expect(decodeReportedState(encodeReportedState(state))).toBe(state);
  });

  it('refuses values of a later version by name instead of guessing', () => {
    const strange = { ...encodeRegistration(node), roles: [99] };
    expect(() => decodeRegistration(strange)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'node.roles' }) }),
    );
    expect(() => decodeReportedState(99)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => decodeTopology({ ...encodeTopology(topology), ring: undefined })).toThrow(/topology\.ring is missing/);
  });
});
