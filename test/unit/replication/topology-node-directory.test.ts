import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import type { NodeObserver } from '../../../src/replication/nodes/metered-node.ts';
import { TopologyNodeDirectory } from '../../../src/replication/topology-node-directory.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { ObjectServiceClient } from '../../../src/rpc/gen/stratum/v1/object.ts';
import type { Node, Topology } from '../../../src/topology/topology.ts';
import { manualClock } from '../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from './sample-ring.ts';
import { ScriptedNode } from './scripted-node.ts';

function directoryOver(first: Topology | undefined, more: { local?: ScriptedNode; clock?: Clock } = {}) {
  const clock = more.clock ?? manualClock();
  const topology = topologyOf(first);
  const pool = new ChannelPool({}, { clock });
  const closed: string[] = [];
  const observe = (nodeId: string): NodeObserver => ({
    answered: () => undefined,
    wrote: () => undefined,
    read: () => undefined,
    close: () => void closed.push(nodeId),
  });
  const directory = new TopologyNodeDirectory({ topology, pool, observe, ...more, clock });
  onTestFinished(() => {
    directory.close();
    pool.close();
  });
  return { directory, topology, pool, closed };
}

function withNode(topology: Topology, nodeId: string, change: Partial<Node>): Topology {
  const node = topology.nodes.get(nodeId);
  if (node === undefined) throw new Error(`no node ${nodeId}`);
  return { ...topology, nodes: new Map([...topology.nodes, [nodeId, { ...node, ...change }]]) };
}

function withoutNode(topology: Topology, nodeId: string): Topology {
  return { ...topology, nodes: new Map([...topology.nodes].filter(([id]) => id !== nodeId)) };
}

describe('TopologyNodeDirectory', () => {
  it('knows the nodes of the topology, each once, and no others', () => {
    const { directory, topology } = directoryOver(undefined);
    expect(directory.writer('o1')).toBeUndefined();
    topology.set(ringOf(healthy));
    const node = directory.writer('o1');
    expect(node).toMatchObject({ nodeId: 'o1', endpoint: 'o1:1' });
    expect(directory.reader('o1')).toBe(node);
    expect(directory.writer('o9')).toBeUndefined();
  });

  it.each<[string, Partial<Node>]>([
    ['has moved', { address: 'elsewhere:1' }],
    ['was started anew', { generationId: 2n }],
  ])('builds a node afresh that %s', (_, change) => {
    const { directory, topology, closed } = directoryOver(ringOf(healthy));
    const before = directory.writer('o1');
    topology.set(withNode(ringOf(healthy), 'o1', change));
    expect(closed).toEqual(['o1']);
    expect(directory.breakers().has('o1')).toBe(false);
    const after = directory.writer('o1');
    expect(after).not.toBe(before);
    expect(after?.endpoint).toBe(change.address ?? 'o1:1');
  });

  it('builds it afresh for who asks before the change was told', () => {
    const { directory, topology, closed, pool } = directoryOver(ringOf(healthy));
    topology.subscribe(() => directory.writer('o1'));
    directory.writer('o1');
    pool.client(ObjectServiceClient, 'o1:1');
    const moved = withNode(ringOf(healthy), 'o1', { address: 'elsewhere:1' });
    topology.current = () => moved;
    expect(directory.writer('o1')?.endpoint).toBe('elsewhere:1');
    expect([closed, pool.stats().size]).toEqual([['o1'], 0]);
  });

  it('keeps a node of which something else has changed', () => {
    const { directory, topology, closed } = directoryOver(ringOf(healthy));
    const before = directory.writer('o1');
    topology.set(withNode(ringOf(healthy), 'o1', { state: 'DOWN', weight: 7 }));
    expect(directory.writer('o1')).toBe(before);
    expect(closed).toEqual([]);
  });

  it('closes the channel of a node that has left, and keeps one that another role shares', () => {
    const first = ringOf(healthy);
    const { directory, topology, pool, closed } = directoryOver(withNode(first, 'o3', { address: 'o2:1' }));
    for (const id of ['o1', 'o2', 'o3']) directory.writer(id);
    for (const address of ['o1:1', 'o2:1']) pool.client(ObjectServiceClient, address);
    topology.set(withNode(withoutNode(withoutNode(first, 'o1'), 'o2'), 'o3', { address: 'o2:1' }));
    expect(closed).toEqual(['o1', 'o2']);
    expect(pool.stats()).toMatchObject({ size: 1, evictions: { left: 1 } });
    expect([pool.ticket('o1:1') === undefined, pool.ticket('o2:1') === undefined]).toEqual([true, false]);
  });

  it('tells how the breakers stand: a new start of the node closes its own', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    await new Promise((resolve) => server.close(resolve));
    const gone = { address: `127.0.0.1:${bound.port}` };
    const down = withNode(ringOf(healthy), 'o1', gone);
    const { directory, topology } = directoryOver(down, { clock: systemClock });
    const ask = () => directory.reader('o1')?.has([], false, { timeoutMs: 5_000 });
    for (let time = 0; time < 5; time += 1) await expect(ask()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect([...directory.breakers()]).toEqual([['o1', 'open']]);
    topology.set(withNode(down, 'o1', { ...gone, generationId: 2n }));
    directory.reader('o1');
    expect([...directory.breakers()]).toEqual([['o1', 'closed']]);
  });

  it('reaches the node of its own process without the network, watched and without a breaker', async () => {
    const local = new ScriptedNode('o1', 'in-process');
    const { directory } = directoryOver(ringOf(healthy), { local });
    expect(directory.writer('o1')?.endpoint).toBe('in-process');
    expect(directory.writer('o1')).toBe(directory.reader('o1'));
    expect(directory.breakers().size).toBe(0);
  });

  it('closes what it has built, and follows the topology no more', () => {
    const { directory, topology, closed } = directoryOver(ringOf(healthy));
    directory.writer('o1');
    directory.close();
    topology.set(withoutNode(ringOf(healthy), 'o1'));
    expect(closed).toEqual(['o1']);
  });
});
