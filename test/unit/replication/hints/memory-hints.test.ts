import { describe, expect, it } from 'vitest';
import { MemoryHints } from '../../../../src/replication/hints/memory-hints.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { GapNode } from '../gap-node.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { directoryOf } from '../scripted-node.ts';

const signal = new AbortController().signal;

function sample(countMax?: number) {
  const nodes = [new GapNode('o1'), new GapNode('o2'), new GapNode('o3')] as const;
  const modules = { topology: topologyOf(ringOf(healthy)), nodes: directoryOf(...nodes), clock: manualClock() };
  return { nodes, hints: new MemoryHints(countMax === undefined ? {} : { countMax }, modules) };
}

describe('MemoryHints', () => {
  it('closes what was noted, once', async () => {
    const { nodes, hints } = sample();
    const [o1, o2] = nodes;
    const oid = o2.hold(Buffer.from('content'));
    for (const reason of ['MISSING', 'MISSED_WRITE'] as const) hints.note({ oid, size: 7, nodeId: 'o1' }, reason);
    expect(await hints.drain(signal)).toMatchObject([{ outcome: 'CLOSED', gap: { oid, nodeId: 'o1' } }]);
    expect(o1.isSound(oid)).toBe(true);
    expect(await hints.drain(signal)).toEqual([]);
  });

  it('remembers that a copy is corrupt, whatever else is said of it', async () => {
    const { nodes, hints } = sample();
    const [o1, o2] = nodes;
    const oid = o2.hold(Buffer.from('content'));
    o1.hold(Buffer.from('content'));
    o1.damaged.add(oid);
    for (const reason of ['MISSING', 'CORRUPT', 'MISSED_WRITE'] as const) {
      hints.note({ oid, size: 7, nodeId: 'o1' }, reason);
    }
    expect(await hints.drain(signal)).toMatchObject([{ outcome: 'CLOSED' }]);
    expect(o1.isSound(oid)).toBe(true);
  });

  it('renews the age of a copy that missed a write', async () => {
    const { nodes, hints } = sample();
    const [o1, o2] = nodes;
    const oid = o2.hold(Buffer.from('content'));
    o1.hold(Buffer.from('content'));
    o1.storedAtMs.set(oid, 1);
    for (const reason of ['MISSED_WRITE', 'MISSING'] as const) hints.note({ oid, size: 7, nodeId: 'o1' }, reason);
    expect(await hints.drain(signal)).toMatchObject([{ outcome: 'CLOSED' }]);
    expect(o1.messages).toEqual([[oid]]);
  });

  it('is bounded', async () => {
    const { nodes, hints } = sample(2);
    for (const text of ['a', 'b', 'c']) {
      hints.note({ oid: nodes[1].hold(Buffer.from(text)), size: 1, nodeId: 'o1' }, 'MISSING');
    }
    expect(await hints.drain(signal)).toHaveLength(2);
  });
});
