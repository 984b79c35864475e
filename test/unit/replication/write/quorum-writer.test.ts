import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';
import { QuorumWriter, type QuorumWriterOptions } from '../../../../src/replication/write/quorum-writer.ts';
import type { NodeState, Topology } from '../../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { isSettled, ringAt, settle, smallBlob } from '../sample-writer.ts';
import { directoryOf, hang, ScriptedNode } from '../scripted-node.ts';

const source = new MemoryBlobSource(Buffer.from('content of a blob'));
const small = smallBlob('content of a blob');
const refused = () => {
  throw new StratumError('DISK_FULL', 'no room', { what: 'free disk', limit: 1n });
};

let clock: ManualClock;
let nodes: [ScriptedNode, ScriptedNode, ScriptedNode];
beforeEach(() => {
  clock = manualClock();
  nodes = [new ScriptedNode('o1'), new ScriptedNode('o2'), new ScriptedNode('o3')];
});

function writerFor(states: Readonly<Record<string, NodeState>> | Topology = healthy, options = {}) {
  const topology = topologyOf(
    'clusterId' in states ? (states as Topology) : ringOf(states as Record<string, NodeState>),
  );
  const writer = new QuorumWriter(options, { clock, topology, nodes: directoryOf(...nodes) });
  return { writer, topology };
}
const copies = () => nodes.filter((node) => node.blobs.has(source.oid)).map(({ nodeId }) => nodeId);

describe('a quorum write', () => {
  it('really writes to every replica, and counts only what a node has acknowledged (predecessor C1)', async () => {
    const outcome = await writerFor().writer.put(source);
    await expect(outcome.settled).resolves.toMatchObject({ succeeded: 3, failures: [] });
    expect(copies()).toEqual(['o1', 'o2', 'o3']);
    for (const node of nodes) expect(node.blobs.get(source.oid)?.toString()).toBe('content of a blob');
  });

  it('sends a blob that exists as well, so that the nodes renew its age', async () => {
    const { writer } = writerFor();
    for (let time = 1; time <= 2; time += 1) {
      await (await writer.put(source)).settled;
      await (await writer.putMany([small])).settled;
      expect(nodes.map(({ fences }) => fences.length)).toEqual([2 * time, 2 * time, 2 * time]);
    }
  });

  it('answers at the second success and lets the third go on in the background', async () => {
    const gate = Promise.withResolvers<void>();
    nodes[1].beforePut = () => gate.promise;
    const outcome = await writerFor().writer.put(source);
    expect(outcome).toMatchObject({ required: 2, achieved: 2, failures: [], degraded: false });
    expect(copies()).toEqual(['o1', 'o3']);
    gate.resolve();
    await expect(outcome.settled).resolves.toMatchObject({ succeeded: 3 });
  });

  it('succeeds with W of N and says that it is degraded (predecessor H3)', async () => {
    nodes[0].beforePut = refused;
    const outcome = await writerFor().writer.put(source);
    const settled = await outcome.settled;
    expect(settled).toMatchObject({ succeeded: 2, failures: [{ nodeId: 'o1', error: { code: 'DISK_FULL' } }] });
  });

  it('never says success for fewer than W, and carries every node’s own error', async () => {
    const bug = new TypeError('a bug in the writer');
    nodes[0].beforePut = refused;
    nodes[2].beforePut = () => Promise.reject(bug);
    const failed = await writerFor()
      .writer.put(source)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      message: expect.stringMatching(/^blob [0-9a-f]{64} has \d of 2 required copies: /),
      details: {
        required: 2,
        nodes: expect.arrayContaining([
          { nodeId: 'o1', endpoint: 'o1:1', attempt: 1, error: expect.objectContaining({ code: 'DISK_FULL' }) },
          {
            nodeId: 'o3',
            endpoint: 'o3:1',
            attempt: 1,
            error: expect.objectContaining({ code: 'INTERNAL', cause: bug }),
          },
        ]),
      },
    });
    for (const reason of ['o1: no room', 'o3: a bug in the writer']) expect(String(failed)).toContain(reason);
  });

  it('counts a writer that throws at once as one failure and keeps its peers’ results (predecessor M1)', async () => {
    nodes[0].put = () => {
      throw new Error('synchronous');
    };
    const { writer } = writerFor();
    const { settled } = await writer.put(source);
    await settled;
    expect(writer.tally).toMatchObject({ attempted: 3, succeeded: 2, failed: 1 });
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'rejected with what is no error: undefined'],
    ['a text', 'no', "rejected with what is no error: 'no'"],
    [
      'an object without a prototype',
      Object.create(null),
      'rejected with what is no error: [Object: null prototype] {}',
    ],
  ])('takes %s that a writer rejects with for a failure', async (_, thrown, message) => {
    nodes[1].beforePut = () => Promise.reject(thrown);
    const { writer } = writerFor();
    const { settled } = await writer.put(source);
    const { failures, succeeded } = await settled;
    expect(succeeded).toBe(2);
    expect(failures).toMatchObject([
      { nodeId: 'o2', endpoint: 'o2:1', attempt: 1, error: { code: 'INTERNAL', message } },
    ]);
    expect(failures[0]?.error.cause).toBe(thrown);
    expect(writer.tally).toMatchObject({ attempted: 3, succeeded: 2, failed: 1 });
  });

  it('has attempted = succeeded + failed at every moment, whatever the nodes do (predecessor M1)', async () => {
    const deeds: Record<string, () => unknown> = {
      store: () => undefined,
      refuse: refused,
      late: () => clock.sleep(50),
      hang,
      'reject oddly': () => Promise.reject(null),
    };
    const deed = fc.constantFrom(...Object.keys(deeds));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(deed, deed, deed), { minLength: 1, maxLength: 8 }), async (scripts) => {
        const { writer } = writerFor(healthy, { timeoutMs: 100, timeoutPerMiBMs: 0 });
        const puts: Promise<unknown>[] = [];
        let ended = 0;
        for (const script of scripts) {
          for (const [at, node] of nodes.entries()) node.beforePut = deeds[script[at] ?? ''] ?? hang;
          puts.push(
            writer.put(source).then(
              ({ settled }) => settled,
              () => undefined,
            ),
          );
          await settle();
          const refusals = script.filter((name) => name === 'refuse' || name === 'reject oddly').length;
          // Two refusals put W out of reach, and end the third write.
          ended += refusals >= 2 ? 3 : refusals + script.filter((name) => name === 'store').length;
          expect(writer.tally.attempted).toBe(ended);
          expect(writer.tally.succeeded + writer.tally.failed).toBe(ended);
        }
        for (let step = 0; step < 4; step += 1) {
          clock.advance(50);
          await settle();
        }
        await Promise.all(puts);
        expect(writer.tally).toMatchObject({ attempted: 3 * scripts.length });
        expect(clock.pendingTimers()).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('gives up on nodes that accept and never answer at its deadline (predecessor M5)', async () => {
    nodes[0].beforePut = hang;
    nodes[1].beforePut = hang;
    const { writer } = writerFor(healthy, { timeoutMs: 500, timeoutPerMiBMs: 0 });
    const put = writer.put(source);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    clock.advance(500);
    await expect(put).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS', details: { achieved: 1 } });
    expect(clock.pendingTimers()).toBe(0);
  });

  it('fails early when W is out of reach, and ends what is still in flight', async () => {
    nodes[0].beforePut = refused;
    nodes[1].beforePut = refused;
    let reason: unknown;
    nodes[2].beforePut = (_fence, { signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () => {
          reason = signal.reason;
          reject(signal.reason);
        }),
      );
    await expect(writerFor().writer.put(source)).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    expect(reason).toMatchObject({ code: 'CANCELLED' });
  });

  it.each([
    ['ONE', 1],
    ['QUORUM', 2],
    ['ALL', 3],
  ] as const)('at level %s needs %i copies (predecessor H4)', async (level, required) => {
    const outcome = await writerFor().writer.put(source, { level });
    expect(outcome.required).toBe(required);
    expect(outcome.achieved).toBeGreaterThanOrEqual(required);
    nodes[0].beforePut = refused;
    const degraded = writerFor().writer.put(source, { level });
    if (level === 'ALL') await expect(degraded).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    else await degraded;
  });

  it('does not call a node that is DOWN while the others suffice, and names it', async () => {
    const outcome = await writerFor({ ...healthy, o2: 'DOWN' }).writer.put(source);
    expect(nodes[1].fences).toEqual([]);
    expect(outcome).toMatchObject({ degraded: true, failures: [{ nodeId: 'o2', error: { code: 'UNREACHABLE' } }] });
  });

  it('tries nodes that are said to be DOWN when the others do not suffice', async () => {
    const outcome = await writerFor({ o1: 'ACTIVE', o2: 'DOWN', o3: 'DOWN' }).writer.put(source);
    await outcome.settled;
    expect(copies()).toEqual(['o1', 'o2', 'o3']);
  });

  it.each<[NodeState, boolean]>([
    ['ACTIVE', true],
    ['SUSPECT', true],
    ['DRAINING', true],
    ['JOINING', false],
    ['DOWN', false],
  ])('has a node that is %s take writes of the current ring: %s (contracts, section 2)', async (state, takes) => {
    const { writer } = writerFor({ ...healthy, o2: state });
    await (await writer.put(source)).settled;
    await (await writer.putMany([small])).settled;
    expect(copies()).toEqual(takes ? ['o1', 'o2', 'o3'] : ['o1', 'o3']);
    expect(nodes[1].fences).toHaveLength(takes ? 2 : 0);
  });

  it('has no copy at a node that is JOINING even where the others are too few', async () => {
    const { writer } = writerFor({ o1: 'ACTIVE', o2: 'JOINING', o3: 'JOINING' });
    await expect(writer.put(source)).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      message: expect.stringMatching(/o2 is JOINING.*o3 is JOINING/),
    });
    expect((await writer.putMany([small])).fates).toMatchObject([{ code: 'INSUFFICIENT_REPLICAS' }]);
    expect([...nodes[1].fences, ...nodes[2].fences]).toEqual([]);
  });

  it('says at once that ALL is out of reach in a ring that is too small, and QUORUM that it is degraded', async () => {
    const { writer } = writerFor({ o1: 'ACTIVE', o2: 'ACTIVE' });
    await expect(writer.put(source, { level: 'ALL' })).rejects.toMatchObject({ details: { required: 3 } });
    await expect(writer.put(source)).resolves.toMatchObject({ achieved: 2, degraded: true });
    expect((await writer.putMany([small])).fates).toMatchObject([{ achieved: 2, degraded: true }]);
  });

  it('is the same one in whatever order its options come, and undefined is the default', async () => {
    const values: QuorumWriterOptions = {
      timeoutMs: 300,
      timeoutPerMiBMs: 7,
      backgroundMax: 2,
      backgroundBytesMax: 1_000,
      nodeWritesMax: 1,
      nodeBytesMax: 500,
      nodeWaitingMax: undefined,
    };
    /** What a caller sees of a writer while one node hangs. */
    const behaviour = async (options: QuorumWriterOptions) => {
      const { writer } = writerFor(healthy, options);
      const timeouts: number[] = [];
      nodes[0].beforePut = (_fence, { timeoutMs }) => timeouts.push(timeoutMs);
      nodes[1].beforePut = hang;
      const puts = Array.from({ length: 4 }, () => writer.put(source));
      const seen: unknown[] = [];
      for (let step = 0; step < 4; step += 1) {
        await settle();
        seen.push({ ...writer.tally, attempted: writer.tally.attempted, timers: clock.pendingTimers() });
        clock.advance(100);
      }
      clock.advance(20_000);
      const outcomes = await Promise.all(puts);
      const ended = await Promise.all(outcomes.map(({ settled }) => settled));
      return { timeouts, seen, achieved: outcomes.map(({ achieved }) => achieved), ended };
    };
    const expected = await behaviour(values);
    expect(expected.timeouts.map(Math.floor)).toEqual([300, 300, 300, 300]);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(Object.entries(values), { minLength: 7 }), async (entries) => {
        expect(await behaviour(Object.fromEntries(entries))).toEqual(expected);
      }),
      { numRuns: 30 },
    );
    const explicit = await behaviour({ ...values, timeoutMs: 10_000, timeoutPerMiBMs: 200 });
    expect(explicit.timeouts.map(Math.floor)).toEqual([10_000, 10_000, 10_000, 10_000]);
    expect(await behaviour({ ...values, timeoutMs: undefined, timeoutPerMiBMs: undefined })).toEqual(explicit);
  });

  it('does not start before a ring is formed, and says how many nodes are missing', async () => {
    const { ring, ...rest } = ringOf({ o1: 'ACTIVE' });
    const unformed = { ...rest, ring: { ...ring, epoch: 0n, nodes: [] } };
    await expect(writerFor(unformed).writer.put(source)).rejects.toMatchObject({
      code: 'NOT_READY',
      details: { have: 1, need: 3 },
    });
  });

  it('ends with the caller', async () => {
    for (const node of nodes) node.beforePut = hang;
    const caller = new AbortController();
    const put = writerFor().writer.put(source, { signal: caller.signal });
    caller.abort(new StratumError('CANCELLED', 'client left'));
    await expect(put).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    expect(clock.pendingTimers()).toBe(0);
  });

  it.each<[string, (writer: QuorumWriter, signal: AbortSignal) => Promise<{ readonly settled: Promise<unknown> }>]>([
    ['put', (writer, signal) => writer.put(source, { signal })],
    ['putMany', (writer, signal) => writer.putMany([small], { signal })],
  ])('goes on in the background after %s when its caller leaves with the answer', async (_, write) => {
    const gate = Promise.withResolvers<void>();
    nodes[1].beforePut = () => gate.promise;
    const caller = new AbortController();
    const { writer } = writerFor();
    const { settled } = await write(writer, caller.signal);
    caller.abort(new StratumError('CANCELLED', 'client left'));
    await Promise.resolve();
    gate.resolve();
    await settled;
    expect(writer.tally).toMatchObject({ succeeded: 3, failed: 0 });
  });

  it('does not begin for a caller that has left', async () => {
    const { writer } = writerFor();
    const signal = AbortSignal.abort(new StratumError('CANCELLED', 'client left'));
    await expect(writer.put(source, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(writer.putMany([small], { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(nodes[0].fences).toEqual([]);
  });

  it('holds the caller back when too many writes go on in the background', async () => {
    const gate = Promise.withResolvers<void>();
    nodes[1].beforePut = () => gate.promise;
    const { writer } = writerFor(healthy, { backgroundMax: 1 });
    await writer.put(source);
    let answered = false;
    const second = writer.put(source).then(() => {
      answered = true;
    });
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(answered).toBe(false);
    gate.resolve();
    await second;
  });
});

describe('the fence of a write', () => {
  const staleAt = (current: bigint) =>
    new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current });
  /** Makes the nodes refuse what is placed by a ring before this one. */
  const fenceOffBelow = (epoch: bigint) => {
    for (const node of nodes) {
      node.beforePut = ({ ringEpoch }) => {
        if (ringEpoch < epoch) throw staleAt(epoch);
      };
    }
  };

  it('carries the term and the epoch that placed it', async () => {
    const { writer } = writerFor();
    await (await writer.put(source)).settled;
    await (await writer.putMany([small])).settled;
    expect(nodes[0].fences).toEqual(Array(2).fill({ term: 1n, ringEpoch: 1n }));
  });

  it('is taken from the newer topology when nodes refuse the old one (predecessor C3)', async () => {
    fenceOffBelow(2n);
    const { writer, topology } = writerFor();
    const put = writer.put(source);
    await settle();
    topology.set(ringAt(2n));
    await expect(put).resolves.toMatchObject({ required: 2 });
    expect(nodes[0].fences).toEqual([
      { term: 1n, ringEpoch: 1n },
      { term: 1n, ringEpoch: 2n },
    ]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('is taken from a newer topology of a new leader when nodes refuse an old term', async () => {
    for (const node of nodes) {
      node.beforePut = ({ term }) => {
        if (term < 5n) throw new StratumError('STALE_TERM', 'old leader', { fence: 'term', sent: term, current: 5n });
      };
    }
    const { writer, topology } = writerFor();
    const put = writer.put(source);
    await settle();
    topology.set({ ...ringAt(1n), term: 4n });
    expect(await isSettled(put)).toBe(false);
    topology.set({ ...ringAt(1n), term: 5n });
    await expect(put).resolves.toMatchObject({ required: 2 });
    expect(nodes[0].fences.map(({ term }) => term)).toEqual([1n, 5n]);
  });

  it('is tried again as often as the ring moves on, and its failures tell the attempt', async () => {
    fenceOffBelow(3n);
    const { writer, topology } = writerFor();
    const put = writer.put(source);
    await settle();
    fenceOffBelow(4n);
    nodes[0].beforePut = refused;
    topology.set(ringAt(3n));
    await settle();
    topology.set(ringAt(4n));
    const { failures, achieved, settled } = await put;
    await settled;
    expect(achieved).toBe(2);
    expect(failures).toMatchObject([{ nodeId: 'o1', attempt: 3, error: { code: 'DISK_FULL' } }]);
    expect(nodes[1].fences.map(({ ringEpoch }) => ringEpoch)).toEqual([1n, 3n, 4n]);
  });

  it('is not repeated for a node that goes on refusing what is not old', async () => {
    for (const node of nodes) {
      node.beforePut = () => {
        throw staleAt(1n);
      };
    }
    const put = writerFor().writer.put(source, { timeoutMs: 500 });
    const failed = expect(put).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    await settle();
    clock.advance(500);
    await failed;
    expect(nodes.map(({ fences }) => fences.length)).toEqual([1, 1, 1]);
  });

  it('has a coordinator asked at once, and again when it is behind the nodes', async () => {
    fenceOffBelow(3n);
    const { topology } = writerFor();
    const signals: AbortSignal[] = [];
    const answers = [
      () => topology.set(ringAt(2n)),
      () => Promise.reject(new Error('gone')),
      () => topology.set(ringAt(3n)),
    ];
    const refresh = async (signal: AbortSignal) => {
      signals.push(signal);
      await answers[signals.length - 1]?.();
    };
    const writer = new QuorumWriter({}, { clock, topology: { ...topology, refresh }, nodes: directoryOf(...nodes) });
    const put = writer.put(source);
    for (let question = 1; question < 3; question += 1) {
      await settle();
      expect(signals).toHaveLength(question);
      clock.advance(250);
    }
    await expect(put).resolves.toMatchObject({ required: 2 });
    await settle();
    expect(signals).toHaveLength(3);
    expect(clock.pendingTimers()).toBe(0);
  });

  it.each([
    ['its deadline', (_: AbortController) => clock.advance(500)],
    ['its caller', (caller: AbortController) => caller.abort(new Error('enough'))],
  ])('fails with the nodes’ refusals when %s comes before a newer topology', async (_, end) => {
    fenceOffBelow(2n);
    const { topology } = writerFor();
    let asked: AbortSignal | undefined;
    const refresh = (signal: AbortSignal) => {
      asked = signal;
      return hang();
    };
    const writer = new QuorumWriter({}, { clock, topology: { ...topology, refresh }, nodes: directoryOf(...nodes) });
    const caller = new AbortController();
    const put = writer.put(source, { timeoutMs: 500, signal: caller.signal });
    const failed = expect(put).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      message: expect.stringContaining('old ring'),
    });
    await settle();
    end(caller);
    await failed;
    expect(copies()).toEqual([]);
    expect(asked?.aborted).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });
});
