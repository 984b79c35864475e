import { describe, expect, it } from 'vitest';
import { fingerprintOf, primaryIds, toNode, toPrimaryOf } from '../../../src/client/metadata-routes.ts';
import { partitionOf } from '../../../src/topology/partitioning.ts';
import { metadataCluster } from '../node/metadata/sample-topology.ts';

const nodes = { m1: '127.0.0.1:1', m2: '127.0.0.1:2' };

describe('routes to metadata nodes', () => {
  it('lead to the primary of the repository’s partition', () => {
    const topology = metadataCluster(nodes, { partitions: 2 });
    for (const repo of ['a/1', 'a/2', 'a/3', 'a/4']) {
      const nodeId = partitionOf(repo, 2) === 0 ? 'm1' : 'm2';
      expect(toPrimaryOf(repo)(topology)).toEqual({ nodeId, address: nodes[nodeId] });
    }
  });

  it('name each primary once', () => {
    expect(primaryIds(metadataCluster(nodes, { partitions: 8, primaries: ['m2', 'm1', 'm2'] }))).toEqual(['m1', 'm2']);
  });

  it('are not ready without topology, assignment or the node itself', () => {
    const notReady = expect.objectContaining({ code: 'NOT_READY' });
    const unassigned = metadataCluster(nodes, { epoch: 0n });
    expect(() => toPrimaryOf('a/b')(undefined)).toThrow(notReady);
    expect(() => toPrimaryOf('a/b')(unassigned)).toThrow(notReady);
    expect(() => primaryIds(unassigned)).toThrow(notReady);
    expect(() => toNode('m9')(metadataCluster(nodes))).toThrow(notReady);
  });

  it('change their fingerprint with the node, its address and its process, and with nothing else', () => {
    const topology = metadataCluster({ m1: nodes.m1 });
    const print = (changed: typeof topology | undefined) => fingerprintOf(toPrimaryOf('a/b'), changed);
    const node = topology.nodes.get('m1')!;
    const restarted = { ...topology, nodes: new Map([['m1', { ...node, generationId: 2n }]]) };
    const prints = [
      topology,
      metadataCluster({ m1: nodes.m2 }),
      metadataCluster({ m2: nodes.m1 }),
      restarted,
      undefined,
    ];
    expect(new Set(prints.map(print)).size).toBe(prints.length);
    expect(print({ ...topology, version: 99n })).toBe(print(topology));
  });
});
