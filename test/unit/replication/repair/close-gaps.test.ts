import { beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../../src/base/oid.ts';
import type { BlobStream } from '../../../../src/replication/node-io.ts';
import { closeGaps, type GapResult } from '../../../../src/replication/repair/close-gaps.ts';
import type { GapReason, NotedGap } from '../../../../src/replication/replica-gaps.ts';
import { smallBlobBytesMax } from '../../../../src/rpc/limits.ts';
import type { Topology } from '../../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { GapNode } from '../gap-node.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { directoryOf, hang } from '../scripted-node.ts';

const small = Buffer.from('a small blob');
const large = Buffer.alloc(smallBlobBytesMax + 9, 'a large blob ');
const sizes = [
  { size: 'small', content: small },
  { size: 'large', content: large },
];

let o1: GapNode;
let o2: GapNode;
let o3: GapNode;
let clock: ManualClock;

beforeEach(() => {
  [o1, o2, o3] = [new GapNode('o1'), new GapNode('o2'), new GapNode('o3')];
  clock = manualClock();
});

/** A cluster in which the first node's gaps are closed from the second, and from the third only then. */
const secondFirst = ringOf({ ...healthy, o3: 'SUSPECT' });

/** A gap at the first node. */
function gapOf(content: Buffer, reason: GapReason = 'MISSING', nodeId = 'o1'): NotedGap {
  return { oid: oidOf(content), size: content.length, nodeId, reason };
}

function close(
  gaps: readonly NotedGap[],
  {
    topology = ringOf(healthy),
    signal = new AbortController().signal,
  }: { topology?: Topology; signal?: AbortSignal } = {},
): Promise<readonly GapResult[]> {
  return closeGaps(gaps, { topology: topologyOf(topology), nodes: directoryOf(o1, o2, o3), clock }, signal);
}

/** Lets time pass until it is settled. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = work.finally(() => {
    isSettled = true;
  });
  while (!isSettled) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(500);
  }
  return settled;
}

function outcomes(results: readonly GapResult[]): string[] {
  return results.map((result) => (result.outcome === 'FAILED' ? `FAILED at ${result.at}` : result.outcome));
}

function refused(code: 'DISK_FULL' | 'STALE_EPOCH' | 'UNREACHABLE'): StratumError {
  if (code === 'DISK_FULL') return new StratumError(code, 'full', { what: 'free disk', limit: 0n });
  if (code === 'UNREACHABLE') return new StratumError(code, 'gone', { endpoint: 'o1:1' });
  return new StratumError(code, 'old', { fence: 'ring_epoch', sent: 1n, current: 2n });
}

/** As a node answers that finds a file where a folder of its blobs should be. */
function notAFolder(): StratumError {
  return new StratumError('INTERNAL', 'ENOTDIR: not a directory');
}

describe('closing gaps', () => {
  it.each(sizes)('puts a verified copy of a $size blob, under the fence of the topology', async ({ content }) => {
    for (const node of [o2, o3]) node.hold(content);
    const topology = ringOf(healthy, { term: 7n });
    expect(outcomes(await close([gapOf(content)], { topology }))).toEqual(['CLOSED']);
    expect(o1.isSound(oidOf(content))).toBe(true);
    expect(o1.fences).toEqual([{ term: 7n, ringEpoch: 1n }]);
    expect([o1.gets, clock.pendingTimers()]).toEqual([0, 0]);
  });

  it('copies an empty blob', async () => {
    const empty = Buffer.alloc(0);
    o2.hold(empty);
    expect(outcomes(await close([gapOf(empty)]))).toEqual(['CLOSED']);
    expect(o1.isSound(oidOf(empty))).toBe(true);
  });

  it('gives the results in the order of the gaps, each node’s for itself', async () => {
    const contents = [small, large, Buffer.from('second'), Buffer.from('nowhere')];
    for (const content of contents.slice(0, 3)) o3.hold(content);
    o2.hold(small);
    o1.beforeHas = () => {
      throw refused('UNREACHABLE');
    };
    const gaps = [gapOf(large), gapOf(small, 'MISSED_WRITE', 'o2'), gapOf(large, 'MISSING', 'o2')];
    const results = await close([...gaps, gapOf(Buffer.from('nowhere'), 'MISSING', 'o2')]);
    // o1 cannot say that it lacks the last one.
    expect(outcomes(results)).toEqual(['FAILED at TARGET', 'NEEDLESS', 'CLOSED', 'LOST']);
    expect(results.map(({ gap }) => gap.nodeId)).toEqual(['o1', 'o2', 'o2', 'o2']);
  });

  it('sends nothing to a node that has the blob by now', async () => {
    for (const node of [o1, o2, o3]) node.hold(small);
    expect(outcomes(await close([gapOf(small, 'MISSED_WRITE')]))).toEqual(['NEEDLESS']);
    expect([o1.messages, o2.gets, o3.gets]).toEqual([[], 0, 0]);
  });

  it('asks nothing of a node that is no longer one of the blob’s own', async () => {
    for (const node of [o2, o3]) node.hold(small);
    const topology = ringOf({ o2: 'ACTIVE', o3: 'ACTIVE', o4: 'ACTIVE' });
    expect(outcomes(await close([gapOf(small)], { topology }))).toEqual(['NEEDLESS']);
    expect([o1.asked, o1.messages]).toEqual([[], []]);
  });

  it('leaves the gap of a member of the ring open that is not registered', async () => {
    for (const node of [o2, o3]) node.hold(small);
    const topology = ringOf(healthy);
    const nodes = new Map([...topology.nodes].filter(([id]) => id !== 'o1'));
    expect(await close([gapOf(small)], { topology: { ...topology, nodes } })).toMatchObject([
      { outcome: 'FAILED', at: 'TARGET', error: { code: 'UNREACHABLE' } },
    ]);
    expect([o1.asked, o1.messages]).toEqual([[], []]);
  });

  it.each([
    { what: 'the missed write', reason: 'MISSED_WRITE', storedAtMs: 4_999, sent: 1 },
    { what: 'nothing, to one that was put since', reason: 'MISSED_WRITE', storedAtMs: 5_000, sent: 0 },
    { what: 'nothing, to one that was said to lack it', reason: 'MISSING', storedAtMs: 4_999, sent: 0 },
  ] as const)('sends a node with a copy $what', async ({ reason, storedAtMs, sent }) => {
    for (const node of [o1, o2, o3]) node.hold(small);
    o1.storedAtMs.set(oidOf(small), storedAtMs);
    const results = await close([{ ...gapOf(small, reason), notedAtMs: 5_000 }]);
    expect([outcomes(results), o1.messages.length]).toEqual([[sent === 1 ? 'CLOSED' : 'NEEDLESS'], sent]);
  });

  it.each(sizes)('never takes a corrupt copy of a $size blob, and goes on to a sound one', async ({ content }) => {
    for (const node of [o2, o3]) node.hold(content);
    for (const node of [o2, o3]) node.damaged.add(oidOf(content));
    expect(outcomes(await close([gapOf(content)]))).toEqual(['FAILED at SOURCE']);
    expect(o1.blobs.size).toBe(0);
    for (const sound of [o2, o3]) {
      o1.blobs.clear();
      for (const node of [o2, o3]) node.damaged.add(oidOf(content));
      sound.damaged.delete(oidOf(content));
      expect(outcomes(await close([gapOf(content)]))).toEqual(['CLOSED']);
      expect(o1.isSound(oidOf(content))).toBe(true);
    }
  });

  it.each(sizes)('calls a $size blob lost only when every other own node denies it', async ({ content }) => {
    o2.beforeRead = () => {
      throw refused('UNREACHABLE');
    };
    const [unsure] = await close([gapOf(content)], { topology: secondFirst });
    expect(unsure).toMatchObject({
      outcome: 'FAILED',
      at: 'SOURCE',
      error: {
        code: 'INSUFFICIENT_REPLICAS',
        details: {
          nodes: [
            { nodeId: 'o2', error: { code: 'UNREACHABLE' } },
            { nodeId: 'o3', error: { code: 'BLOB_NOT_FOUND' } },
          ],
        },
      },
    });
    o2.beforeRead = () => undefined;
    expect(await close([gapOf(content)])).toMatchObject([{ outcome: 'LOST', error: { code: 'BLOB_NOT_FOUND' } }]);
  });

  it('makes a node hash the copy that was found corrupt before it calls it present, and heals it', async () => {
    for (const node of [o1, o2, o3]) node.hold(large);
    const oid = oidOf(large);
    o1.damaged.add(oid);
    expect(outcomes(await close([gapOf(large, 'MISSING')]))).toEqual(['NEEDLESS']);
    expect(outcomes(await close([gapOf(large, 'CORRUPT')]))).toEqual(['CLOSED']);
    expect(o1.isSound(oid)).toBe(true);
    expect(o1.asked.map(({ verify }) => verify)).toEqual([false, true]);
  });

  it.each(['DISK_FULL', 'STALE_EPOCH', 'UNREACHABLE'] as const)('lets a node be that answers %s', async (code) => {
    const contents = Array.from({ length: 9 }, (_, index) => Buffer.concat([large, Buffer.from(`${index}`)]));
    for (const content of contents) o2.hold(content);
    o1.beforePut = () => {
      throw refused(code);
    };
    const results = await close(contents.map((content) => gapOf(content)));
    expect(results).toMatchObject(contents.map(() => ({ outcome: 'FAILED', at: 'TARGET', error: { code } })));
    expect(o1.messages.length).toBeLessThan(3);
  });

  it.each(sizes)('heals the others when a node cannot store one of many $size blobs', async ({ content }) => {
    const contents = Array.from({ length: 6 }, (_, index) => Buffer.concat([content, Buffer.from(`${index}`)]));
    const [broken = small, ...others] = contents;
    for (const each of contents) o2.hold(each);
    o1.beforeTake = (oid) => (oid === oidOf(broken) ? notAFolder() : undefined);
    o1.beforePut = () => {
      if (content === large && o1.messages.at(-1)?.[0] === oidOf(broken)) throw notAFolder();
    };
    const results = await close(contents.map((each) => gapOf(each)));
    expect(outcomes(results)).toEqual(['FAILED at TARGET', ...others.map(() => 'CLOSED')]);
    expect(others.every((each) => o1.isSound(oidOf(each)))).toBe(true);
  });

  it.each([
    { call: 'question', reason: 'MISSING' },
    { call: 'question that hashes', reason: 'CORRUPT' },
    { call: 'put', reason: 'MISSING' },
    { call: 'read', reason: 'MISSING' },
  ] as const)('heals the others when one blob makes the whole $call fail', async ({ call, reason }) => {
    const contents = Array.from({ length: 4 }, (_, index) => Buffer.from(`small ${index}`));
    const [broken = small, ...others] = contents;
    for (const each of contents) o2.hold(each);
    const refuse = (oids: readonly Oid[]) => {
      if (oids.includes(oidOf(broken))) throw notAFolder();
    };
    if (call === 'put') o1.beforePut = () => refuse(o1.messages.at(-1) ?? []);
    else if (call === 'read') o2.beforeRead = refuse;
    else o1.beforeHas = refuse;
    const results = await close(contents.map((each) => gapOf(each, reason)));
    const failed = call === 'read' ? 'FAILED at SOURCE' : 'FAILED at TARGET';
    expect(outcomes(results)).toEqual([failed, ...others.map(() => 'CLOSED')]);
    expect(others.every((each) => o1.isSound(oidOf(each)))).toBe(true);
  });

  it('asks and sends no blob for itself when the node is gone', async () => {
    const contents = Array.from({ length: 9 }, (_, index) => Buffer.from(`small ${index}`));
    for (const each of contents) o2.hold(each);
    o1.beforePut = () => {
      throw o1.messages.length === 1 ? notAFolder() : refused('UNREACHABLE');
    };
    const results = await close(contents.map((each) => gapOf(each)));
    expect(new Set(outcomes(results))).toEqual(new Set(['FAILED at TARGET']));
    expect(o1.messages.map((oids) => oids.length)).toEqual([9, 1]);
    o1.beforeHas = () => {
      throw refused('UNREACHABLE');
    };
    o1.asked.length = 0;
    await close(contents.map((each) => gapOf(each)));
    expect(o1.asked).toHaveLength(1);
  });

  it('reads from the source that is well first', async () => {
    for (const node of [o2, o3]) node.hold(small);
    await close([gapOf(small)], { topology: ringOf({ ...healthy, o2: 'SUSPECT' }) });
    expect([o2.gets, o3.gets]).toEqual([0, 1]);
  });

  it.each([
    { at: 'question', content: small, outcome: 'FAILED at TARGET', break: () => (o1.beforeHas = hang) },
    { at: 'put of a small blob', content: small, outcome: 'FAILED at TARGET', break: () => (o1.beforePut = hang) },
    { at: 'put of a large blob', content: large, outcome: 'FAILED at TARGET', break: () => (o1.beforePut = hang) },
    { at: 'read of a small blob', content: small, outcome: 'CLOSED', break: () => (o2.beforeRead = hang) },
    { at: 'read of a large blob', content: large, outcome: 'CLOSED', break: () => (o2.beforeRead = hang) },
  ])('has a deadline for a $at that is never answered', async ({ content, outcome, break: breakNode }) => {
    for (const node of [o2, o3]) node.hold(content);
    breakNode();
    expect(outcomes(await inTime(close([gapOf(content)], { topology: secondFirst })))).toEqual([outcome]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('gives up a source that stalls between two chunks, and ends its stream', async () => {
    for (const node of [o2, o3]) node.hold(large);
    let ended = 0;
    o2.get = async () => ({
      size: large.length,
      chunks: {
        [Symbol.asyncIterator]: () => ({
          next: hang,
          return: async () => {
            ended += 1;
            return { done: true, value: undefined };
          },
        }),
      },
    });
    expect(outcomes(await inTime(close([gapOf(large)], { topology: secondFirst })))).toEqual(['CLOSED']);
    expect([o1.isSound(oidOf(large)), ended]).toEqual([true, 1]);
  });

  it('ends a stream that opens when nobody waits for it any more', async () => {
    for (const node of [o2, o3]) node.hold(large);
    const late = Promise.withResolvers<BlobStream>();
    o2.get = () => late.promise;
    expect(outcomes(await inTime(close([gapOf(large)], { topology: secondFirst })))).toEqual(['CLOSED']);
    const ended = Promise.withResolvers<void>();
    const iterator = {
      next: hang,
      return: async () => {
        ended.resolve();
        return { done: true as const, value: undefined };
      },
    };
    late.resolve({ size: large.length, chunks: { [Symbol.asyncIterator]: () => iterator } });
    await ended.promise;
  });

  it('sends small blobs in messages that nodes accept', async () => {
    const contents = Array.from({ length: 300 }, (_, index) => Buffer.from(`small ${index}`));
    const wide = Array.from({ length: 70 }, (_, index) => Buffer.alloc(smallBlobBytesMax, `wide ${index}`));
    for (const content of [...contents, ...wide]) o2.hold(content);
    const results = await close([...contents, ...wide].map((content) => gapOf(content)));
    expect(new Set(outcomes(results))).toEqual(new Set(['CLOSED']));
    const bytesOf = (oids: readonly Oid[]) => oids.reduce((sum, oid) => sum + (o1.blobs.get(oid)?.length ?? 0), 0);
    expect(Math.max(...o1.messages.map((oids) => oids.length))).toBe(256);
    expect(Math.max(...o1.messages.map(bytesOf))).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('copies at most two blobs to a node at the same time, and to at most two nodes', async () => {
    const contents = Array.from({ length: 6 }, (_, index) => Buffer.concat([large, Buffer.from(`${index}`)]));
    for (const content of contents) for (const node of [o1, o2, o3]) node.hold(content);
    const running = { o1: 0, o2: 0, o3: 0, all: 0 };
    const most = { ...running };
    for (const node of [o1, o2, o3] as const) {
      const id = node.nodeId as 'o1' | 'o2' | 'o3';
      node.put = async (source) => {
        for (const key of [id, 'all'] as const) {
          running[key] += 1;
          most[key] = Math.max(most[key], running[key]);
        }
        await Array.fromAsync(source.open());
        for (const key of [id, 'all'] as const) running[key] -= 1;
        return { existed: false };
      };
      node.has = async (oids) => oids.map((oid) => ({ oid, presence: 'MISSING', size: 0, storedAtMs: 0 }));
    }
    const gaps = ['o1', 'o2', 'o3'].flatMap((nodeId) => contents.map((content) => gapOf(content, 'MISSING', nodeId)));
    expect(outcomes(await close(gaps))).toEqual(gaps.map(() => 'CLOSED'));
    expect(most).toEqual({ o1: 2, o2: 2, o3: 2, all: 4 });
  });

  it('leaves open what an abort cuts short, and says so', async () => {
    const contents = Array.from({ length: 4 }, (_, index) => Buffer.concat([large, Buffer.from(`${index}`)]));
    for (const content of contents) o2.hold(content);
    const controller = new AbortController();
    let puts = 0;
    o1.beforePut = () => {
      puts += 1;
      if (puts < 3) return undefined;
      controller.abort(new StratumError('CANCELLED', 'enough'));
      return hang();
    };
    const results = await close(
      contents.map((content) => gapOf(content)),
      { signal: controller.signal },
    );
    const closed = results.filter(({ outcome }) => outcome === 'CLOSED').length;
    expect(results.filter(({ outcome }) => outcome === 'FAILED')).toMatchObject(
      Array.from({ length: 4 - closed }, () => ({ error: { code: 'CANCELLED' } })),
    );
    expect([...o1.blobs.keys()].every((oid) => o1.isSound(oid))).toBe(true);
    expect(puts).toBeLessThan(5);
  });

  it('fails every gap while there is no ring', async () => {
    const topology = ringOf(healthy);
    const none = { ...topology, ring: { ...topology.ring, epoch: 0n } };
    expect(await close([gapOf(small)], { topology: none })).toMatchObject([
      { outcome: 'FAILED', error: { code: 'NOT_READY' } },
    ]);
  });
});
