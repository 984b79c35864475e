import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { CacheNodes } from '../../../../src/replication/shared-cache/cache-nodes.ts';
import { HashRing } from '../../../../src/topology/hash-ring.ts';
import type { Node, NodeState, Topology } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { type MemoryCacheNode, memoryCacheNode } from './memory-cache-node.ts';

const key = '5e'.repeat(32);
const [first = '', second = '', third = ''] = HashRing.of(ringOf(healthy).ring).placement(Buffer.from(key, 'hex'));

function setUp(topology: Topology | undefined, localId?: string) {
  const source = topologyOf(topology);
  const connected: { readonly endpoint: string; readonly node: MemoryCacheNode }[] = [];
  const local = localId === undefined ? undefined : { nodeId: localId, node: memoryCacheNode() };
  const nodes = new CacheNodes({
    ...{ topology: source, clock: manualClock(), random: systemRandom, local },
    connect: (endpoint) => {
      const node = memoryCacheNode();
      connected.push({ endpoint, node });
      return node;
    },
  });
  const namesOf = () =>
    nodes.of(key).map(({ node }) => {
      if (node === local?.node) return 'local';
      return connected.find((each) => each.node === node)?.endpoint.replace(':1', '');
    });
  return { source, nodes, connected, namesOf };
}

/** The sample ring, in which one node has changed. */
function changed(nodeId: string, changes: Partial<Node>): Topology {
  const topology = ringOf(healthy);
  const nodes = [...topology.nodes].map(([id, node]): [string, Node] => [
    id,
    id === nodeId ? { ...node, ...changes } : node,
  ]);
  return { ...topology, nodes: new Map(nodes) };
}

describe('CacheNodes', () => {
  it.each<{ states: readonly NodeState[]; asked: readonly string[] }>([
    { states: ['ACTIVE', 'ACTIVE', 'ACTIVE'], asked: [first, second] },
    { states: ['DOWN', 'ACTIVE', 'ACTIVE'], asked: [second, third] },
    { states: ['SUSPECT', 'ACTIVE', 'ACTIVE'], asked: [second, third] },
    { states: ['SUSPECT', 'DOWN', 'ACTIVE'], asked: [third, first] },
    { states: ['JOINING', 'DRAINING', 'DOWN'], asked: [second] },
    { states: ['DOWN', 'DOWN', 'DOWN'], asked: [] },
  ])('are the first two of a placement of $states that may answer', ({ states, asked }) => {
    const stateOf = Object.fromEntries([first, second, third].map((id, index) => [id, states[index] ?? 'ACTIVE']));
    expect(setUp(ringOf({ o1: 'ACTIVE', o2: 'ACTIVE', o3: 'ACTIVE', ...stateOf })).namesOf()).toEqual(asked);
  });

  it('are none before a ring was formed', () => {
    const formed = ringOf(healthy);
    expect(setUp(undefined).namesOf()).toEqual([]);
    expect(setUp({ ...formed, ring: { ...formed.ring, epoch: 0n, nodes: [] } }).namesOf()).toEqual([]);
  });

  it('leave a node out while it is paused', () => {
    const { nodes, namesOf } = setUp(ringOf(healthy));
    nodes.of(key)[0]?.pause.failed();
    expect(namesOf()).toEqual([second, third]);
  });

  it('reach the node of this process without a connection', () => {
    const { namesOf, connected } = setUp(ringOf(healthy), first);
    expect(namesOf()).toEqual(['local', second]);
    expect(connected.map(({ endpoint }) => endpoint)).toEqual([`${second}:1`, `${third}:1`]);
  });

  it.each([
    { change: 'is started anew', changes: { generationId: 2n } },
    { change: 'moves', changes: { address: 'elsewhere:1' } },
  ])('get a new client for a node that $change, which is asked at once', ({ changes }) => {
    const { source, nodes, connected } = setUp(ringOf(healthy));
    const [before] = nodes.of(key);
    before?.pause.failed();
    source.set(changed(first, changes));
    const [after] = nodes.of(key);
    expect(after?.node).toBe(connected.at(-1)?.node);
    expect(connected.filter(({ node }) => node.isClosed).map(({ endpoint }) => endpoint)).toEqual([`${first}:1`]);
  });

  it('keep a client while its node stays', () => {
    const { source, nodes, connected } = setUp(ringOf(healthy));
    nodes.of(key);
    source.set(changed(first, { state: 'SUSPECT' }));
    nodes.of(key);
    expect(connected).toHaveLength(3);
  });

  it('close all clients at the end, and follow the topology no more', () => {
    const { source, nodes, connected } = setUp(ringOf(healthy));
    nodes.of(key);
    nodes.close();
    expect(connected.every(({ node }) => node.isClosed)).toBe(true);
    source.set(changed(first, { generationId: 2n }));
    expect(connected).toHaveLength(3);
  });
});
