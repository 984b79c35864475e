import { describe, expect, it } from 'vitest';
import { createTopology } from '../../../src/topology/create-topology.ts';
import { sampleSettings } from './sample-cluster.ts';

describe('createTopology', () => {
  it('begins at version 0 with no nodes, no ring and unassigned partitions', () => {
    const topology = createTopology('c', sampleSettings({ partitions: 2 }));
    expect(topology).toMatchObject({ clusterId: 'c', version: 0n, term: 0n, nodes: new Map() });
    expect(topology.ring).toEqual({ epoch: 0n, replicationFactor: 3, writeQuorum: 2, virtualNodes: 8, nodes: [] });
    expect(topology.partitions).toEqual([
      { id: 0, epoch: 0n, primaryId: '', inSync: [], replicas: [] },
      { id: 1, epoch: 0n, primaryId: '', inSync: [], replicas: [] },
    ]);
  });
});
