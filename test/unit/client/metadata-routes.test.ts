import { describe, expect, it } from 'vitest';
import { fingerprintOf, routeToNode } from '../../../src/client/metadata-routes.ts';
import { metadataCluster } from '../node/metadata/sample-topology.ts';

const nodes = { m1: '127.0.0.1:1', m2: '127.0.0.1:2' };

describe('routes to metadata nodes', () => {
  it('lead to a node’s address, and are not ready without it', () => {
    expect(routeToNode(metadataCluster(nodes), 'm2')).toEqual({ nodeId: 'm2', address: nodes.m2 });
    const notReady = expect.objectContaining({ code: 'NOT_READY' });
    expect(() => routeToNode(undefined, 'm1')).toThrow(notReady);
    expect(() => routeToNode(metadataCluster(nodes), 'm9')).toThrow(notReady);
  });

  it('change their fingerprint with the node, its address and its process, and with nothing else', () => {
    const topology = metadataCluster({ m1: nodes.m1 });
    const first = (at: typeof topology | undefined) => routeToNode(at, at?.partitions[0]?.primaryId ?? '');
    const print = (changed: typeof topology | undefined) => fingerprintOf([first], changed);
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

  it('change their fingerprint with any of several', () => {
    const [m1, m2] = ['m1', 'm2'].map((id) => (at: Parameters<typeof routeToNode>[0]) => routeToNode(at, id));
    if (m1 === undefined || m2 === undefined) throw new Error('two routes expected');
    const changed = metadataCluster({ ...nodes, m2: '127.0.0.1:3' });
    expect(fingerprintOf([m1, m2], changed)).not.toBe(fingerprintOf([m1, m2], metadataCluster(nodes)));
    expect(fingerprintOf([m1], changed)).toBe(fingerprintOf([m1], metadataCluster(nodes)));
  });
});
