import { describe, expect, it } from 'vitest';
import { MiB } from '../../../../src/base/units.ts';
import type { BlobSource } from '../../../../src/replication/blob-source.ts';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';
import { isSettled, refused, sampleWriter, settle, smallBlobs } from '../sample-writer.ts';
import { hang, type ScriptedNode } from '../scripted-node.ts';

const source = new MemoryBlobSource(Buffer.from('content of a blob'));

/** Something that only says how large it is; the nodes of these tests do not read it. */
function sourceOf(size: number): BlobSource {
  return { oid: source.oid, size, open: () => source.open() };
}

/** Makes each put to a node wait for a gate, and counts those that are there. */
function gated(node: ScriptedNode) {
  const gates: (() => void)[] = [];
  let opened = 0;
  const signals: (AbortSignal | undefined)[] = [];
  node.beforePut = (_fence, { signal }) => {
    signals.push(signal);
    return new Promise<void>((resolve, reject) => {
      gates.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  };
  return {
    signals,
    arrived: () => gates.length,
    async openNext() {
      gates[opened]?.();
      opened += 1;
      await settle();
    },
  };
}
describe('the writes under way at one node', () => {
  it('are bounded in number; the next ones wait in order and do not hold up the other nodes', async () => {
    const { writer, nodes } = sampleWriter({ options: { nodeWritesMax: 2 } });
    const slow = gated(nodes[1]);
    const puts = [];
    for (let put = 0; put < 5; put += 1) puts.push(await writer.put(source));
    expect(puts.map(({ achieved }) => achieved)).toEqual([2, 2, 2, 2, 2]);
    expect(slow.arrived()).toBe(2);
    await slow.openNext();
    expect(slow.arrived()).toBe(3);
    for (let put = 0; put < 4; put += 1) await slow.openNext();
    for (const { settled } of puts) await expect(settled).resolves.toMatchObject({ succeeded: 3, failures: [] });
  });

  it('are bounded in bytes, of which a large blob counts as one message', async () => {
    const { writer, nodes } = sampleWriter({ options: { nodeBytesMax: 9 * MiB } });
    const slow = gated(nodes[1]);
    for (let put = 0; put < 3; put += 1) await writer.put(sourceOf(1_000 * MiB));
    expect(slow.arrived()).toBe(2);
    await slow.openNext();
    expect(slow.arrived()).toBe(3);
  });

  it('end at the deadline of a put that still waits, and give up its place', async () => {
    const { writer, nodes, clock } = sampleWriter({ options: { nodeWritesMax: 1 } });
    const slow = gated(nodes[1]);
    await writer.put(source, { timeoutMs: 60_000 });
    const waiting = await writer.put(source, { timeoutMs: 300 });
    clock.advance(300);
    const { failures } = await waiting.settled;
    expect(failures).toMatchObject([
      { nodeId: 'o2', endpoint: 'o2:1', attempt: 1, error: { code: 'DEADLINE_EXCEEDED' } },
    ]);
    expect(slow.arrived()).toBe(1);
  });

  it('fail with OVERLOADED at a node for which too many wait already', async () => {
    const { writer, nodes } = sampleWriter({ options: { nodeWritesMax: 1, nodeWaitingMax: 1 } });
    gated(nodes[1]);
    await writer.put(source);
    await writer.put(source);
    const third = await writer.put(source);
    expect((await third.settled).failures).toMatchObject([{ nodeId: 'o2', error: { code: 'OVERLOADED' } }]);
  });

  it('free their places when they hang beyond the deadline and never settle', async () => {
    const { writer, nodes, clock } = sampleWriter({ options: { nodeWritesMax: 1 } });
    nodes[1].beforePut = hang;
    const first = await writer.put(source, { timeoutMs: 100 });
    clock.advance(100);
    await first.settled;
    nodes[1].beforePut = () => undefined;
    const second = await writer.put(source);
    expect(await second.settled).toMatchObject({ succeeded: 3 });
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('the time-out of a node', () => {
  /** A writer whose nodes have lately taken `latelyMs` for a write. */
  async function experienced(latelyMs: number, options = {}) {
    const sample = sampleWriter({ options });
    for (let put = 0; put < 10; put += 1) {
      for (const node of sample.nodes) node.beforePut = () => sample.clock.sleep(latelyMs);
      const outcome = sample.writer.put(source);
      await settle();
      sample.clock.advance(latelyMs);
      await (await outcome).settled;
    }
    for (const node of sample.nodes) node.beforePut = () => undefined;
    expect(sample.clock.pendingTimers()).toBe(0);
    return sample;
  }

  it.each([
    ['at least a second, however fast it was', 5, 17, 1_000],
    ['four times its slowest of late', 600, 17, 2_400],
    ['and 200 ms for each MiB', 600, 10 * MiB, 4_400],
    ['never more than what the call has', 3_000, 17, 10_000],
  ])('is %s', async (_, latelyMs, size, expectedMs) => {
    const { writer, nodes, clock } = await experienced(latelyMs);
    nodes[2].beforePut = hang;
    const { settled } = await writer.put(sourceOf(size), { timeoutMs: 10_000 });
    clock.advance(expectedMs - 1);
    expect(await isSettled(settled)).toBe(false);
    clock.advance(1);
    expect((await settled).failures).toMatchObject([{ nodeId: 'o3', error: { code: 'DEADLINE_EXCEEDED' } }]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('is what the call has while nothing is known of the node', async () => {
    const { writer, nodes, clock } = sampleWriter();
    nodes[2].beforePut = hang;
    const { settled } = await writer.put(source, { timeoutMs: 7_000 });
    clock.advance(6_999);
    expect(await isSettled(settled)).toBe(false);
    clock.advance(1);
    await settled;
  });

  it('is what the call has for a node that the quorum cannot do without', async () => {
    const { writer, nodes, clock } = await experienced(5);
    nodes[1].beforePut = refused;
    nodes[2].beforePut = () => clock.sleep(5_000);
    const put = writer.put(source, { timeoutMs: 10_000 });
    for (let second = 0; second < 5; second += 1) {
      await settle();
      clock.advance(1_000);
    }
    await expect(put).resolves.toMatchObject({ achieved: 2, degraded: true });
  });

  it('applies to a message of many small blobs as well', async () => {
    const { writer, nodes, clock, gaps } = await experienced(5);
    nodes[2].onPutMany = hang;
    const { settled } = await writer.putMany(smallBlobs(3));
    clock.advance(1_100);
    await settled;
    expect(gaps.nodeIds).toEqual(['o3', 'o3', 'o3']);
  });

  it('is learned from good answers only', async () => {
    const { writer, nodes, clock } = await experienced(600);
    nodes[2].beforePut = refused;
    for (let put = 0; put < 200; put += 1) await (await writer.put(source)).settled;
    nodes[2].beforePut = hang;
    const { settled } = await writer.put(source);
    clock.advance(2_399);
    expect(await isSettled(settled)).toBe(false);
    clock.advance(1);
    await settled;
  });
});

describe('the writes that go on in the background', () => {
  it.each<[string, object, BlobSource]>([
    ['number', { backgroundMax: 2 }, source],
    ['bytes', { backgroundBytesMax: 9 * MiB }, sourceOf(50 * MiB)],
  ])('are bounded in %s: beyond it a caller is held back until there is room', async (_, options, blob) => {
    const { writer, nodes } = sampleWriter({ options });
    const slow = gated(nodes[1]);
    await writer.put(blob);
    await writer.put(blob);
    const third = writer.put(blob);
    expect(await isSettled(third)).toBe(false);
    await slow.openNext();
    await expect(third).resolves.toMatchObject({ achieved: 2, failures: [] });
  });

  it('hold nobody back when they have ended by the answer', async () => {
    const { writer, nodes } = sampleWriter({ options: { backgroundMax: 1 } });
    nodes[1].beforePut = hang;
    await writer.put(source);
    nodes[1].beforePut = () => undefined;
    await expect(writer.put(source, { level: 'ALL' })).resolves.toMatchObject({ achieved: 3 });
  });

  it('are abandoned at a node that finishes nothing, after a moment and then at once, and noted as gaps', async () => {
    const { writer, nodes, clock, gaps } = sampleWriter({ options: { backgroundMax: 1 } });
    const stalled = gated(nodes[1]);
    await writer.put(source);
    const held = writer.put(source);
    expect(await isSettled(held)).toBe(false);
    clock.advance(100);
    expect((await (await held).settled).failures).toMatchObject([{ nodeId: 'o2', error: { code: 'OVERLOADED' } }]);
    expect(stalled.signals[1]?.aborted).toBe(true);
    for (let put = 0; put < 5; put += 1) await (await writer.put(source)).settled;
    expect(gaps.nodeIds).toEqual(Array(6).fill('o2'));
    expect(writer.tally).toMatchObject({ succeeded: 14, failed: 6 });
  });

  it('hold a caller back again once the stalled node has finished something', async () => {
    const { writer, nodes, clock } = sampleWriter({ options: { backgroundMax: 1 } });
    const stalled = gated(nodes[1]);
    await writer.put(source);
    const held = writer.put(source);
    await settle();
    clock.advance(100);
    await held;
    await stalled.openNext();
    await writer.put(source);
    expect(await isSettled(writer.put(source))).toBe(false);
  });

  it('are never abandoned when nobody would make up for them', async () => {
    const { writer, nodes, clock } = sampleWriter({ options: { backgroundMax: 1 }, hasGaps: false });
    const slow = gated(nodes[1]);
    await writer.put(source);
    const held = writer.put(source);
    await settle();
    clock.advance(5_000);
    expect(await isSettled(held)).toBe(false);
    await slow.openNext();
    await held;
    expect(slow.signals.map((signal) => signal?.aborted)).toEqual([false, false]);
  });
});
