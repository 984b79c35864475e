import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { KiB, MiB } from '../../../../src/base/units.ts';
import type { SmallBlob } from '../../../../src/store/blob-store.ts';
import type { NodeState } from '../../../../src/topology/topology.ts';
import { healthy, topologyOf } from '../sample-ring.ts';
import {
  isSettled,
  refused,
  ringAt,
  sampleWriter,
  settle,
  smallBlob,
  smallBlobs,
  staleEpoch,
} from '../sample-writer.ts';
import { hang, type ScriptedNode } from '../scripted-node.ts';

/** Records the messages of small blobs that a node gets. */
function messagesTo(node: ScriptedNode) {
  const messages: (readonly SmallBlob[])[] = [];
  node.onPutMany = async (blobs) => {
    messages.push(blobs);
    return undefined;
  };
  return messages;
}
const bytesOf = (blobs: readonly SmallBlob[]) => blobs.reduce((sum, { content }) => sum + content.length, 0);

describe('a quorum write of many small blobs', () => {
  it('stores each blob at all its own nodes, in one message a node', async () => {
    const { writer, nodes } = sampleWriter();
    const messages = nodes.map((node) => messagesTo(node));
    const blobs = smallBlobs(100);
    const { fates, settled } = await writer.putMany(blobs);
    await settled;
    expect(fates).toEqual(blobs.map(() => ({ required: 2, achieved: expect.any(Number), degraded: false })));
    for (const node of nodes) {
      for (const { oid, content } of blobs) expect(node.blobs.get(oid)).toEqual(content);
    }
    expect(messages.map((of) => of.length)).toEqual([1, 1, 1]);
    expect(writer.tally).toMatchObject({ attempted: 300, succeeded: 300, failed: 0 });
  });

  it('writes only to a blob’s own nodes in a larger ring', async () => {
    const states: Readonly<Record<string, NodeState>> = { ...healthy, o4: 'ACTIVE', o5: 'ACTIVE' };
    const { writer, nodes } = sampleWriter({ states });
    const blobs = smallBlobs(200);
    const { fates } = await writer.putMany(blobs);
    for (const [index, { oid }] of blobs.entries()) {
      const copies = nodes.filter((node) => node.blobs.has(oid)).length;
      const fate = fates[index];
      // o4 and o5 are not known to the directory.
      if (copies >= 2) expect(fate).toMatchObject({ required: 2 });
      else expect(fate).toMatchObject({ code: 'INSUFFICIENT_REPLICAS', details: { achieved: copies } });
    }
  });

  it('splits what a node gets by bytes and by blobs', async () => {
    const { writer, nodes } = sampleWriter();
    const messages = messagesTo(nodes[0]);
    const blobs = [...smallBlobs(80, 64 * KiB), ...smallBlobs(1_500, 8)];
    await (await writer.putMany(blobs)).settled;
    expect(messages.flat()).toHaveLength(blobs.length);
    for (const message of messages) {
      expect(message.length).toBeLessThanOrEqual(1_024);
      expect(bytesOf(message)).toBeLessThanOrEqual(4 * MiB);
    }
    expect(messages.map(bytesOf)[0]).toBe(4 * MiB);
  });

  it('answers when each blob has W copies, while one node never answers', async () => {
    const { writer, nodes, gaps } = sampleWriter();
    nodes[0].onPutMany = hang;
    const { fates, settled } = await writer.putMany(smallBlobs(10));
    expect(fates).toEqual(Array(10).fill({ required: 2, achieved: 2, degraded: false }));
    expect(await isSettled(settled)).toBe(false);
    expect(gaps.noted).toEqual([]);
  });

  it('refuses a blob that is not small, and stores the others', async () => {
    const { writer } = sampleWriter();
    const blobs = [
      smallBlob('a'),
      smallBlob(Buffer.alloc(64 * KiB + 1)),
      smallBlob(Buffer.alloc(64 * KiB)),
      smallBlob(''),
    ];
    const { fates } = await writer.putMany(blobs);
    expect(fates).toMatchObject([
      { required: 2 },
      { code: 'INVALID_ARGUMENT', details: { field: 'content' } },
      { required: 2 },
      { required: 2 },
    ]);
  });

  it('has nothing to do for no blobs', async () => {
    const { writer, nodes } = sampleWriter();
    const { fates, settled } = await writer.putMany([]);
    await settled;
    expect(fates).toEqual([]);
    expect(nodes.map((node) => node.fences)).toEqual([[], [], []]);
  });

  it('says of each blob whether it is degraded', async () => {
    const { writer, nodes } = sampleWriter();
    const lacking = smallBlob('lacking');
    const full = new StratumError('DISK_FULL', 'no room', { what: 'free disk', limit: 1n });
    nodes[0].onPutMany = async (blobs) => blobs.map(({ oid }) => (oid === lacking.oid ? full : { existed: false }));
    for (const node of nodes.slice(1)) {
      node.onPutMany = async () => {
        await settle();
        return undefined;
      };
    }
    const { fates } = await writer.putMany([lacking, smallBlob('whole')]);
    expect(fates).toMatchObject([{ degraded: true }, { degraded: false }]);
  });

  it('fails the blob that two nodes refuse, with each node’s own error, and no other', async () => {
    const { writer, nodes, gaps } = sampleWriter();
    const bad = smallBlob('bad');
    const mismatch = new StratumError('CHECKSUM_MISMATCH', 'wrong', { oid: bad.oid, expected: bad.oid, got: '00' });
    const fatesBut = async (blobs: readonly SmallBlob[]) =>
      blobs.map(({ oid }) => (oid === bad.oid ? mismatch : { existed: false }));
    nodes[0].onPutMany = fatesBut;
    nodes[2].onPutMany = fatesBut;
    const { fates, settled } = await writer.putMany([smallBlob('good'), bad]);
    await settled;
    expect(fates).toMatchObject([
      { required: 2, degraded: false },
      {
        code: 'INSUFFICIENT_REPLICAS',
        details: {
          required: 2,
          achieved: 1,
          nodes: expect.arrayContaining(
            ['o1', 'o3'].map((nodeId) =>
              expect.objectContaining({ nodeId, endpoint: `${nodeId}:1`, attempt: 1, error: mismatch }),
            ),
          ),
        },
      },
    ]);
    expect(gaps.noted).toEqual([]);
    expect(writer.tally).toMatchObject({ attempted: 6, succeeded: 4, failed: 2 });
  });

  it('decides a hopeless blob without waiting for a node that hangs, and names that node too', async () => {
    const { writer, nodes } = sampleWriter();
    nodes[0].onPutMany = async () => refused();
    nodes[1].onPutMany = async () => refused();
    nodes[2].onPutMany = hang;
    const { fates } = await writer.putMany([smallBlob('a')]);
    const [fate] = fates;
    expect(fate).toMatchObject({ code: 'INSUFFICIENT_REPLICAS', details: { required: 2, achieved: 0 } });
    const named = fate instanceof StratumError && 'nodes' in (fate.details ?? {}) ? fate.message : '';
    for (const nodeId of ['o1: no room', 'o2: no room', 'o3: given up']) expect(named).toContain(nodeId);
  });

  it.each<[string, (blobs: readonly SmallBlob[]) => Promise<readonly { existed: boolean }[]>]>([
    ['too few fates', async (blobs) => blobs.slice(1).map(() => ({ existed: false }))],
    ['too many fates', async (blobs) => [...blobs, ...blobs].map(() => ({ existed: false }))],
    ['no fates but a length', async (blobs) => new Array(blobs.length)],
  ])('takes %s from a node for failures of all its blobs', async (_, answer) => {
    const { writer, nodes } = sampleWriter();
    nodes[0].onPutMany = answer;
    nodes[1].onPutMany = hang;
    const put = writer.putMany(smallBlobs(3), { level: 'ONE' });
    expect((await put).fates).toEqual(Array(3).fill({ required: 1, achieved: 1, degraded: expect.any(Boolean) }));
    await settle();
    expect(writer.tally).toMatchObject({ attempted: 6, succeeded: 3, failed: 3 });
  });

  it('sends a node no more than four messages of a call at a time', async () => {
    const { writer, nodes } = sampleWriter();
    let underWay = 0;
    let mostUnderWay = 0;
    nodes[0].onPutMany = async () => {
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      await settle();
      underWay -= 1;
      return undefined;
    };
    await (await writer.putMany(smallBlobs(10_000, 4))).settled;
    expect(mostUnderWay).toBe(4);
  });

  it('fails each blob by its deadline when no node answers', async () => {
    const { writer, nodes, clock } = sampleWriter();
    for (const node of nodes) node.onPutMany = hang;
    const put = writer.putMany(smallBlobs(5_000), { timeoutMs: 700 });
    await settle();
    clock.advance(700);
    const { fates, settled } = await put;
    await settled;
    expect(fates).toHaveLength(5_000);
    const codes = new Set(fates.map((fate) => (fate instanceof StratumError ? fate.code : 'stored')));
    expect([...codes]).toEqual(['INSUFFICIENT_REPLICAS']);
    expect(writer.tally).toMatchObject({ attempted: 15_000, failed: 15_000 });
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends with the caller', async () => {
    const { writer, nodes, clock } = sampleWriter();
    for (const node of nodes) node.onPutMany = hang;
    const caller = new AbortController();
    const put = writer.putMany(smallBlobs(3), { signal: caller.signal });
    caller.abort(new StratumError('CANCELLED', 'client left'));
    expect((await put).fates).toMatchObject(Array(3).fill({ code: 'INSUFFICIENT_REPLICAS' }));
    expect(clock.pendingTimers()).toBe(0);
  });

  it('asks nobody to store what ALL cannot have in a ring that is too small', async () => {
    const { writer, nodes } = sampleWriter({ states: { o1: 'ACTIVE', o2: 'ACTIVE' } });
    const { fates } = await writer.putMany([smallBlob('a')], { level: 'ALL' });
    expect(fates).toMatchObject([{ code: 'INSUFFICIENT_REPLICAS', details: { required: 3, achieved: 0 } }]);
    expect(nodes[0].fences).toEqual([]);
  });

  it('repeats from the newer topology only what an old fence kept from W copies (predecessor C3)', async () => {
    const topology = topologyOf(ringAt(1n));
    const { writer, nodes } = sampleWriter({ topology });
    const [stale, fresh] = [smallBlob('stale'), smallBlob('fresh')];
    const messages: string[][] = [];
    for (const node of nodes) {
      let calls = 0;
      node.onPutMany = async (blobs) => {
        calls += 1;
        if (node === nodes[0]) messages.push(blobs.map(({ oid }) => oid));
        if (calls > 1) return undefined;
        const error = new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current: 2n });
        return blobs.map(({ oid }) => (oid === stale.oid ? error : { existed: false }));
      };
    }
    const put = writer.putMany([stale, fresh]);
    await settle();
    topology.set(ringAt(2n));
    expect((await put).fates).toMatchObject([{ required: 2 }, { required: 2 }]);
    expect(messages).toEqual([[stale.oid, fresh.oid], [stale.oid]]);
    expect(nodes[0].fences.map(({ ringEpoch }) => ringEpoch)).toEqual([1n, 2n]);
  });

  it('gives the refusals when no newer topology comes in time', async () => {
    const { writer, nodes, clock } = sampleWriter();
    for (const node of nodes) node.onPutMany = async () => staleEpoch();
    const put = writer.putMany([smallBlob('a')], { timeoutMs: 500 });
    await settle();
    clock.advance(500);
    expect((await put).fates).toMatchObject([
      { code: 'INSUFFICIENT_REPLICAS', message: expect.stringContaining('old ring') },
    ]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('says of each blob exactly what its own nodes hold, whatever they do with each', async () => {
    const deed = fc.constantFrom('store', 'refuse');
    const script = fc.array(fc.tuple(deed, deed, deed), { minLength: 1, maxLength: 30 });
    const level = fc.constantFrom('ONE' as const, 'QUORUM' as const, 'ALL' as const);
    await fc.assert(
      fc.asyncProperty(script, level, async (deeds, asked) => {
        const { writer, nodes, gaps } = sampleWriter();
        const blobs = smallBlobs(deeds.length);
        for (const [at, node] of nodes.entries()) {
          node.onPutMany = async (message) =>
            message.map((blob) => {
              const place = blobs.findIndex(({ oid }) => oid === blob.oid);
              if (deeds[place]?.[at] === 'refuse') return new StratumError('INTERNAL', 'refused');
              node.blobs.set(blob.oid, blob.content);
              return { existed: false };
            });
        }
        const required = { ONE: 1, QUORUM: 2, ALL: 3 }[asked];
        const { fates, settled } = await writer.putMany(blobs, { level: asked });
        await settled;
        const expectedGaps: string[] = [];
        for (const [place, { oid }] of blobs.entries()) {
          const holders = nodes.filter((node) => node.blobs.has(oid));
          const isDurable = holders.length >= required;
          expect(fates[place] instanceof StratumError).toBe(!isDurable);
          if (!isDurable) continue;
          for (const node of nodes) if (!holders.includes(node)) expectedGaps.push(`${oid} ${node.nodeId}`);
        }
        expect(gaps.noted.map(({ gap }) => `${gap.oid} ${gap.nodeId}`).sort()).toEqual(expectedGaps.sort());
        expect(writer.tally.attempted).toBe(3 * blobs.length);
      }),
      { numRuns: 60 },
    );
  });
});
