import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { content, oid, readText, StreamCount, sampleReader, settle } from '../sample-reader.ts';
import { healthy } from '../sample-ring.ts';
import { hang, type ScriptedNode } from '../scripted-node.ts';

const text = content.toString();

/** A node that never answers; the result tells the signals of its calls. */
function hanging(node: ScriptedNode): (AbortSignal | undefined)[] {
  const signals: (AbortSignal | undefined)[] = [];
  node.onGet = (_id, _range, { signal }) => {
    signals.push(signal);
    return hang();
  };
  return signals;
}

describe('a hedged read', () => {
  it.each([
    ['500 ms without samples', [], 500],
    ['the 95th percentile of its first bytes', [...Array<number>(19).fill(20), 90], 20],
    ['no less than 10 ms', Array<number>(20).fill(1), 10],
    ['no more than 2 s', Array<number>(20).fill(5000), 2000],
  ])('asks a second replica after the first one’s usual time: %s', async (_, samplesMs, expectedMs) => {
    const { reader, nodes, clock, latencies, gets } = sampleReader();
    for (const durationMs of samplesMs) latencies.record(nodes[0].nodeId, 'get', durationMs);
    for (const node of nodes.slice(1)) for (const ms of samplesMs) latencies.record(node.nodeId, 'get', ms * 10);
    hanging(nodes[0]);
    const reading = readText(reader);
    await settle();
    clock.advance(expectedMs - 1);
    await settle();
    expect(gets()).toEqual([1, 0, 0]);
    clock.advance(1);
    expect(await reading).toBe(text);
    expect(gets()).toEqual([1, 1, 0]);
  });

  it('cancels the loser and frees everything', async () => {
    const { reader, nodes, clock, hedges } = sampleReader();
    const signals = hanging(nodes[0]);
    const reading = readText(reader);
    await settle();
    clock.advance(500);
    await reading;
    await settle();
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    expect(clock.pendingTimers()).toBe(0);
    expect(hedges).toEqual(['won']);
  });

  it('closes the stream of a loser that answers after all, although it was cancelled', async () => {
    const { reader, nodes, clock } = sampleReader();
    const streams = new StreamCount();
    const gate = Promise.withResolvers<void>();
    nodes[0].onGet = async (id, range) => {
      await gate.promise;
      return streams.watch(nodes[0].stored(id, range));
    };
    const reading = readText(reader);
    await settle();
    clock.advance(500);
    await reading;
    gate.resolve();
    await settle();
    expect([streams.opened, streams.closed]).toEqual([1, 1]);
  });

  it('takes the first replica when that answers before the second', async () => {
    const { reader, nodes, clock, hedges } = sampleReader();
    const gate = Promise.withResolvers<void>();
    nodes[0].onGet = async (id, range) => {
      await gate.promise;
      return nodes[0].stored(id, range);
    };
    const second = hanging(nodes[1]);
    const reading = readText(reader);
    await settle();
    clock.advance(500);
    await settle();
    gate.resolve();
    expect(await reading).toBe(text);
    expect(second.map((signal) => signal?.aborted)).toEqual([true]);
    expect(hedges).toEqual(['lost']);
  });

  it('asks a third replica when the second one fails while the first is still late', async () => {
    const { reader, nodes, clock, gets, hedges } = sampleReader();
    hanging(nodes[0]);
    nodes[1].onGet = () => Promise.reject(new StratumError('UNREACHABLE', 'refused', { endpoint: 'x:1' }));
    const reading = readText(reader);
    await settle();
    clock.advance(500);
    await settle();
    clock.advance(0);
    expect(await reading).toBe(text);
    expect(gets()).toEqual([1, 1, 1]);
    expect(hedges).toEqual(['lost', 'won']);
  });

  it('returns to a replica that was overtaken when the faster one breaks off', async () => {
    const { reader, nodes, clock } = sampleReader();
    let calls = 0;
    nodes[0].onGet = async (id, range) => {
      calls += 1;
      return calls === 1 ? hang() : nodes[0].stored(id, range);
    };
    nodes[1].blobs.set(oid, Buffer.from('not the same'));
    nodes[2].blobs.clear();
    const reading = readText(reader);
    await settle();
    clock.advance(500);
    expect(await reading).toBe(text);
  });

  it('does not ask a node that is DOWN beside one that is only late', async () => {
    const { nodes } = sampleReader();
    const states = { ...healthy, [nodes[1].nodeId]: 'DOWN', [nodes[2].nodeId]: 'DOWN' } as const;
    const sample = sampleReader({}, states);
    hanging(sample.nodes[0]);
    const reading = readText(sample.reader);
    await settle();
    sample.clock.advance(9999);
    await settle();
    expect(sample.gets()).toEqual([1, 0, 0]);
    sample.clock.advance(1);
    expect(await reading).toBe(text);
  });

  it('is had by no more than a tenth of the reads, after ten in a row', async () => {
    const { reader, nodes, clock, gets, hedges } = sampleReader();
    hanging(nodes[0]);
    const read = async () => {
      const reading = readText(reader);
      await settle();
      clock.advance(500);
      await settle();
      const wasHedged = clock.pendingTimers() === 0;
      clock.advance(9500);
      expect(await reading).toBe(text);
      return wasHedged;
    };
    const hedged: boolean[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      hedged.push(await read());
      // A node that is late often becomes known as slow and is not asked first any more: that is forgotten here.
      clock.advance(61_000);
    }
    expect(gets()[0]).toBe(60);
    expect(hedged.slice(0, 10)).not.toContain(false);
    // Ten at hand, and a tenth for each of the 59 reads that followed the first.
    expect(hedged.filter(Boolean).length).toBe(15);
    const counted = Object.groupBy(hedges, (result) => result);
    expect([counted.won?.length, counted.lost, counted.refused?.length]).toEqual([15, undefined, 45]);
  });

  it('makes a node that was overtaken known as slow', async () => {
    const { reader, nodes, clock, gets } = sampleReader();
    hanging(nodes[0]);
    for (let turn = 0; turn < 8; turn += 1) {
      const reading = readText(reader);
      await settle();
      clock.advance(500);
      await reading;
    }
    const before = gets()[0] ?? 0;
    for (let turn = 0; turn < 8; turn += 1) await readText(reader);
    expect(gets()[0]).toBe(before);
  });
});

describe('the choice of the first replica', () => {
  it('is the fastest one by recent first bytes, which the reader measures', async () => {
    const { reader, nodes, clock, gets, latencies } = sampleReader();
    nodes[0].onGet = async (id, range) => {
      clock.advance(30);
      return nodes[0].stored(id, range);
    };
    for (let turn = 0; turn < 8; turn += 1) await readText(reader);
    expect(latencies.quantileMs(nodes[0].nodeId, 'get', 0.5)).toBe(30);
    for (const node of nodes.slice(1)) for (let turn = 0; turn < 8; turn += 1) latencies.record(node.nodeId, 'get', 1);
    for (let turn = 0; turn < 30; turn += 1) await readText(reader);
    expect(gets()[0]).toBe(8);
  });

  it('is spread over all that are about as fast, so that no hot blob has one hot node', async () => {
    const { reader, nodes, gets, latencies } = sampleReader();
    for (const [index, { nodeId }] of nodes.entries()) {
      for (let turn = 0; turn < 8; turn += 1) latencies.record(nodeId, 'get', 1 + index * 0.5);
    }
    for (let turn = 0; turn < 300; turn += 1) await readText(reader);
    for (const count of gets()) expect(count).toBeGreaterThanOrEqual(90);
  });
});
