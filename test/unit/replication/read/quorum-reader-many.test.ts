import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../../src/base/oid.ts';
import { QuorumReader } from '../../../../src/replication/read/quorum-reader.ts';
import type { HedgeResult } from '../../../../src/replication/read/read-observer.ts';
import type { QuorumReaderOptions } from '../../../../src/replication/read/reader-settings.ts';
import type { GapReason, ReplicaGap } from '../../../../src/replication/replica-gaps.ts';
import type { SmallBlobAnswer } from '../../../../src/store/blob-store.ts';
import { HashRing } from '../../../../src/topology/hash-ring.ts';
import type { NodeState } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { codeOf, elapsing, settle } from '../sample-reader.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { directoryOf, hang, ScriptedNode } from '../scripted-node.ts';

const tooLarge = new StratumError('TOO_LARGE', 'too large for a message', { what: 'blob', limit: 1n });
const refused = new StratumError('UNREACHABLE', 'refused', { endpoint: 'x:1' });

/** A reader of three nodes, o1, o2 and o3, that all have `count` blobs. */
function sample(count: number, options: QuorumReaderOptions = {}, states: Record<string, NodeState> = { ...healthy }) {
  const clock = manualClock();
  const blobs = Array.from({ length: count }, (_, index) => Buffer.from(`blob ${index}`));
  const oids = blobs.map(oidOf);
  const nodes = ['o1', 'o2', 'o3'].map((nodeId) => new ScriptedNode(nodeId));
  for (const node of nodes) for (const blob of blobs) node.blobs.set(oidOf(blob), blob);
  /** The ids of each message that a node was sent. */
  const asked = new Map<string, Oid[][]>(nodes.map(({ nodeId }) => [nodeId, []]));
  for (const node of nodes) script(node, async (ids) => node.storedMany(ids));
  const noted: [ReplicaGap, GapReason][] = [];
  const topology = topologyOf(ringOf(states));
  const gaps = { note: (gap: ReplicaGap, reason: GapReason) => void noted.push([gap, reason]) };
  const hedges: HedgeResult[] = [];
  const readObserver = { hedged: (result: HedgeResult) => void hedges.push(result) };
  const reader = new QuorumReader(options, { clock, topology, nodes: directoryOf(...nodes), gaps, readObserver });
  const { ring } = ringOf(healthy);
  const placement = (oid: Oid) => HashRing.of(ring).placement(oid);
  const node = (nodeId: string | undefined) => nodes.find((each) => each.nodeId === nodeId) ?? new ScriptedNode('none');
  function script(to: ScriptedNode, answer: NonNullable<ScriptedNode['onGetMany']>) {
    to.onGetMany = (ids, call) => {
      asked.get(to.nodeId)?.push([...ids]);
      return answer(ids, call);
    };
  }
  const messages = () => [...asked.values()].flat();
  return { clock, oids, blobs, nodes, node, asked, messages, noted, hedges, topology, reader, placement, script };
}
/** One blob and its nodes in the ring's order. */
function sampleOfOne(options: QuorumReaderOptions = {}, states?: Record<string, NodeState>) {
  const all = sample(1, options, states);
  const oid = all.oids[0] ?? oidOf(Buffer.alloc(0));
  const [first, second, third] = all.placement(oid);
  return { ...all, oid, first: all.node(first), second: all.node(second), third: all.node(third) };
}
const answering =
  (answer: SmallBlobAnswer): NonNullable<ScriptedNode['onGetMany']> =>
  async (ids) =>
    ids.map(() => answer);

describe('a read of many blobs', () => {
  it('gives every content in the order of the questions, each from its best replica alone', async () => {
    const { reader, oids, blobs, asked, placement } = sample(2000);
    expect(await reader.getMany(oids)).toEqual(blobs);
    for (const [nodeId, slices] of asked) {
      for (const oid of slices.flat()) expect(placement(oid)[0]).toBe(nodeId);
      for (const slice of slices) expect(slice.length).toBeLessThanOrEqual(256);
    }
  });

  it('asks once for an id that comes often', async () => {
    const { reader, oids, blobs, messages } = sample(3);
    expect(await reader.getMany([...oids, ...oids, ...oids])).toEqual([...blobs, ...blobs, ...blobs]);
    expect(messages().flat().toSorted()).toEqual(oids.toSorted());
  });

  it('has nothing to do for no ids', async () => {
    expect(await sample(0).reader.getMany([])).toEqual([]);
  });

  it('asks for few at a time until it knows that blobs are small, and again when they are large', async () => {
    const { reader, nodes, asked, oids } = sample(5000);
    await reader.getMany(oids);
    const large = Array.from({ length: 600 }, (_, index) => Buffer.alloc(40_000, `${index} `));
    for (const node of nodes) for (const blob of large) node.blobs.set(oidOf(blob), blob);
    const sizes = (from: readonly Oid[][]) => from.map(({ length }) => length);
    for (const slices of asked.values()) {
      expect(sizes(slices.slice(0, 4))).toEqual([16, 16, 16, 16]);
      expect(sizes(slices)).toContain(256);
      slices.length = 0;
    }
    await reader.getMany(large.map(oidOf));
    await reader.getMany(large.map(oidOf));
    for (const slices of asked.values()) expect(slices.at(-1)?.length).toBeLessThanOrEqual(31);
  });

  it('has no more than four messages at a node and sixteen in all under way', async () => {
    const { reader, nodes, oids, script } = sample(6000);
    let running = 0;
    let most = 0;
    for (const node of nodes) {
      let here = 0;
      script(node, async (ids) => {
        running += 1;
        here += 1;
        most = Math.max(most, running);
        expect(here).toBeLessThanOrEqual(4);
        await settle();
        running -= 1;
        here -= 1;
        return node.storedMany(ids);
      });
    }
    await reader.getMany(oids);
    expect(most).toBeLessThanOrEqual(16);
    expect(most).toBeGreaterThan(4);
  });

  it('fails for nobody when one blob is nowhere', async () => {
    const { reader, oids, blobs } = sample(100);
    const missing = oidOf(Buffer.from('never written'));
    const answers = await reader.getMany([missing, ...oids]);
    expect(codeOf(answers[0])).toBe('BLOB_NOT_FOUND');
    expect(answers.slice(1)).toEqual(blobs);
  });
});

describe('a blob of many', () => {
  it.each([
    ['lacks it', answering({ presence: 'MISSING' }), 'MISSING'],
    ['has it in quarantine', answering({ presence: 'CORRUPT' }), 'CORRUPT'],
    ['gives wrong bytes', answering({ presence: 'PRESENT', content: Buffer.from('wrong') }), 'CORRUPT'],
    ['cannot say', answering({ presence: 'UNKNOWN' }), undefined],
    ['refuses', () => Promise.reject(refused), undefined],
    ['throws what is no error of ours', () => Promise.reject(new TypeError('bug')), undefined],
    ['gives fewer answers than it was asked for', async () => [], undefined],
  ] as const)(
    'is taken from the next replica when one %s, which is noted if it is a gap',
    async (_, answer, reason) => {
      const { reader, oid, blobs, first, script, noted } = sampleOfOne();
      script(first, answer);
      expect(await reader.getMany([oid])).toEqual(blobs);
      const gap = { oid, size: blobs[0]?.length, nodeId: first.nodeId };
      expect(noted).toEqual(reason === undefined ? [] : [[gap, reason]]);
    },
  );

  it('is taken from the next replica when one hangs, and the hanging call is ended', async () => {
    const { reader, oid, blobs, first, script, clock } = sampleOfOne({ stallTimeoutMs: 400 });
    let ended: AbortSignal | undefined;
    script(first, (_, { signal }) => {
      ended = signal;
      return hang();
    });
    const reading = reader.getMany([oid]);
    await settle();
    clock.advance(400);
    expect(await reading).toEqual(blobs);
    expect(ended?.aborted).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('is asked of a second replica when the first is late, and the loser is ended', async () => {
    const { reader, oid, blobs, first, script, clock, hedges } = sampleOfOne();
    let ended: AbortSignal | undefined;
    script(first, (_, { signal }) => {
      ended = signal;
      return hang();
    });
    const reading = reader.getMany([oid]);
    await settle();
    clock.advance(500);
    expect(await reading).toEqual(blobs);
    expect(ended?.aborted).toBe(true);
    await settle();
    expect(clock.pendingTimers()).toBe(0);
    expect(hedges).toEqual(['won']);
  });

  it('counts a hedge as lost when the late replica answers first after all', async () => {
    const { reader, oid, blobs, first, second, script, clock, hedges } = sampleOfOne();
    script(first, async (ids) => {
      await clock.sleep(600);
      return first.storedMany(ids);
    });
    script(second, () => hang());
    const { result, tookMs } = await elapsing(reader.getMany([oid]), clock);
    expect([result, tookMs]).toEqual([blobs, 600]);
    await settle();
    expect(hedges).toEqual(['lost']);
  });

  it('is had from the third replica within a short time where two hang', async () => {
    const { reader, oid, blobs, first, second, script, clock } = sampleOfOne();
    script(first, () => hang());
    script(second, () => hang());
    const { result, tookMs } = await elapsing(reader.getMany([oid], { timeoutMs: 2_000 }), clock);
    expect(result).toEqual(blobs);
    expect(tookMs).toBeLessThan(2_000);
  });

  it.each([0, 1, 2])(
    'is called missing by two replicas after the usual time of replica %i, which hangs',
    async (turn) => {
      const { reader, clock, script, node, placement, hedges } = sampleOfOne();
      const missing = oidOf(Buffer.from('never written'));
      script(node(placement(missing)[turn]), () => hang());
      const { result, tookMs } = await elapsing(reader.getMany([missing]), clock);
      expect(result).toMatchObject([{ code: 'BLOB_NOT_FOUND' }]);
      expect(tookMs).toBe(500);
      await settle();
      expect(clock.pendingTimers()).toBe(0);
      expect(hedges).toEqual(turn === 2 ? [] : ['won']);
    },
  );

  it('is asked of the last replica before it is called missing by the others, and had if that one is in time', async () => {
    const { reader, oid, blobs, first, second, third, script, clock } = sampleOfOne();
    for (const node of [first, second]) script(node, answering({ presence: 'MISSING' }));
    script(third, async (ids) => {
      await clock.sleep(490);
      return third.storedMany(ids);
    });
    const { result } = await elapsing(reader.getMany([oid]), clock);
    expect(result).toEqual(blobs);
  });

  it('is called missing without a node that is DOWN', async () => {
    const { third } = sampleOfOne();
    const { reader, asked } = sampleOfOne({}, { ...healthy, [third.nodeId]: 'DOWN' });
    const missing = oidOf(Buffer.from('never written'));
    expect((await reader.getMany([missing])).map(codeOf)).toEqual(['BLOB_NOT_FOUND']);
    expect(asked.get(third.nodeId)).toEqual([]);
  });

  it('is not called missing by fewer than N - W + 1 nodes', async () => {
    const { reader, oid, first, second, third, script } = sampleOfOne();
    const missing = answering({ presence: 'MISSING' });
    script(first, () => Promise.reject(refused));
    script(second, answering({ presence: 'CORRUPT' }));
    script(third, missing);
    const [unsure] = await reader.getMany([oid]);
    expect(unsure).toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      details: { nodes: [{ nodeId: first.nodeId }, { nodeId: second.nodeId }, { nodeId: third.nodeId }] },
    });
    script(second, missing);
    expect((await reader.getMany([oid])).map(codeOf)).toEqual(['BLOB_NOT_FOUND']);
    expect((await reader.getMany([oid], { level: 'ALL' })).map(codeOf)).toEqual(['INSUFFICIENT_REPLICAS']);
  });

  it('is not called missing by a node that is JOINING', async () => {
    const { second } = sampleOfOne();
    const { reader, oid, nodes: all, first, script } = sampleOfOne({}, { ...healthy, [second.nodeId]: 'JOINING' });
    for (const node of all) script(node, answering({ presence: 'MISSING' }));
    script(first, () => Promise.reject(refused));
    expect((await reader.getMany([oid])).map(codeOf)).toEqual(['INSUFFICIENT_REPLICAS']);
  });

  it('that is too large for a message does not keep others of its message away', async () => {
    const { reader, oids, blobs, nodes, script } = sample(300);
    const large = oidOf(Buffer.from('a large one'));
    for (const node of nodes) {
      script(node, async (ids) => {
        if (ids.includes(large)) throw tooLarge;
        return node.storedMany(ids);
      });
    }
    const answers = await reader.getMany([...oids, large]);
    expect(answers.slice(0, -1)).toEqual(blobs);
    expect(codeOf(answers.at(-1))).toBe('TOO_LARGE');
  });
});

describe('a slice whose blobs were asked of others too', () => {
  /** Two blobs that are asked of o1 first, the one of o2 and the other of o3 then; who is asked for the other waits. */
  function sampleOfTwo() {
    const all = sample(100);
    const at = (...order: string[]) => all.oids.find((oid) => all.placement(oid).join() === order.join());
    const [quick, other] = [at('o1', 'o2', 'o3'), at('o1', 'o3', 'o2')];
    if (quick === undefined || other === undefined) throw new Error('no such blobs');
    const gate = Promise.withResolvers<void>();
    for (const node of all.nodes.slice(1)) {
      all.script(node, async (ids) => {
        if (ids.includes(other)) await gate.promise;
        return node.storedMany(ids);
      });
    }
    const contentOf = (oid: Oid) => all.blobs[all.oids.indexOf(oid)];
    return { ...all, quick, other, gate, contentOf };
  }

  it('is ended when all of them were answered, although the read goes on', async () => {
    const { reader, nodes, script, clock, quick, gate, oids, placement, contentOf } = sampleOfTwo();
    const elsewhere = oids.find((oid) => placement(oid)[0] === 'o2') ?? quick;
    const signals: (AbortSignal | undefined)[] = [];
    const [first, ...others] = nodes;
    if (first !== undefined)
      script(first, (_, { signal }) => {
        signals.push(signal);
        return hang();
      });
    for (const node of others) {
      script(node, async (ids) => {
        if (ids.includes(elsewhere)) await gate.promise;
        return node.storedMany(ids);
      });
    }
    const reading = reader.getMany([quick, elsewhere]);
    await settle();
    clock.advance(500);
    await settle();
    expect(signals[0]?.aborted).toBe(true);
    gate.resolve();
    expect(await reading).toEqual([contentOf(quick), contentOf(elsewhere)]);
  });

  it('tells of gaps that it learns of later than others have answered', async () => {
    const { reader, nodes, script, clock, noted, quick, other, gate, contentOf } = sampleOfTwo();
    const [first] = nodes;
    const late = Promise.withResolvers<void>();
    first?.blobs.delete(quick);
    if (first !== undefined)
      script(first, async (ids) => {
        await late.promise;
        return first.storedMany(ids);
      });
    const reading = reader.getMany([quick, other]);
    await settle();
    clock.advance(500);
    await settle();
    expect(noted).toEqual([]);
    late.resolve();
    expect(await reading).toEqual([contentOf(quick), contentOf(other)]);
    expect(noted).toEqual([[{ oid: quick, size: contentOf(quick)?.length, nodeId: 'o1' }, 'MISSING']]);
    gate.resolve();
  });
});

describe('a read of many blobs in bad times', () => {
  it('keeps away from a node after its first failure', async () => {
    const { reader, oids, blobs, nodes, script, asked } = sample(6000);
    if (nodes[0] !== undefined) script(nodes[0], () => Promise.reject(refused));
    expect(await reader.getMany(oids)).toEqual(blobs);
    expect(asked.get('o1')?.length).toBeLessThanOrEqual(4);
  });

  it('ends with the caller', async () => {
    const { reader, oids, nodes, script, clock } = sample(1000);
    for (const node of nodes) script(node, () => hang());
    const caller = new AbortController();
    const reason = new StratumError('CANCELLED', 'client left');
    const reading = reader.getMany(oids, { signal: caller.signal });
    await settle();
    caller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await settle();
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends at its deadline with what it has, and names every node for the rest', async () => {
    const { reader, oids, blobs, nodes, script, clock, placement } = sample(1000);
    for (const node of nodes) {
      script(node, async (ids) => (node.nodeId === 'o1' ? node.storedMany(ids) : hang()));
    }
    const reading = reader.getMany(oids, { timeoutMs: 300 });
    await settle();
    clock.advance(300);
    const answers = await reading;
    for (const [index, oid] of oids.entries()) {
      if (placement(oid)[0] === 'o1') expect(answers[index]).toEqual(blobs[index]);
      else {
        const named = placement(oid).map((nodeId) => expect.objectContaining({ nodeId }));
        expect(answers[index]).toMatchObject({ details: { nodes: expect.arrayContaining(named) } });
      }
    }
    await settle();
    expect(clock.pendingTimers()).toBe(0);
  });

  it('calls many blobs missing without waiting for a node that hangs', async () => {
    const { reader, nodes, script, clock } = sample(0);
    const [first] = nodes;
    if (first !== undefined) script(first, () => hang());
    const missing = Array.from({ length: 5_000 }, (_, index) => oidOf(Buffer.from(`never written ${index}`)));
    const { result, tookMs } = await elapsing(reader.getMany(missing), clock);
    expect(new Set(Array.isArray(result) ? result.map(codeOf) : [])).toEqual(new Set(['BLOB_NOT_FOUND']));
    expect(tookMs).toBe(500);
  });

  it('asks hanging nodes’ blobs of others for no more than its budget of messages', async () => {
    const { reader, oids, nodes, script, clock, asked } = sample(20_000);
    for (const node of nodes.slice(0, 2)) script(node, () => hang());
    const reading = reader.getMany(oids, { timeoutMs: 600_000 });
    for (let turn = 0; turn < 40; turn += 1) {
      await settle();
      clock.advance(500);
    }
    const answers = await reading;
    expect(answers.filter((answer) => Buffer.isBuffer(answer)).length).toBe(oids.length);
    for (const nodeId of ['o1', 'o2']) expect(asked.get(nodeId)?.length).toBeLessThanOrEqual(8);
  });

  it('needs a topology', async () => {
    const { reader, oids, topology } = sample(1);
    const { ring, ...rest } = ringOf(healthy);
    topology.set({ ...rest, ring: { ...ring, epoch: 0n } });
    await expect(reader.getMany(oids)).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});
