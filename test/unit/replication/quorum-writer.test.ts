import { beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { MemoryBlobSource } from '../../../src/replication/memory-blob-source.ts';
import { QuorumWriter } from '../../../src/replication/quorum-writer.ts';
import type { NodeState, Topology } from '../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from './sample-ring.ts';
import { directoryOf, hang, ScriptedNode } from './scripted-node.ts';

const source = new MemoryBlobSource(Buffer.from('content of a blob'));
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
    nodes[0].beforePut = refused;
    nodes[2].beforePut = () => {
      throw new TypeError('a bug in the writer');
    };
    await expect(writerFor().writer.put(source)).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      details: { required: 2, achieved: 1 },
      message: expect.stringMatching(/o1: no room.*|o3: a bug in the writer.*/),
    });
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
  const stale = () => {
    throw new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current: 2n });
  };

  it('carries the term and the epoch that placed it', async () => {
    await (await writerFor().writer.put(source)).settled;
    expect(nodes[0].fences).toEqual([{ term: 1n, ringEpoch: 1n }]);
  });

  it('is taken from the newer topology when nodes refuse the old one (predecessor C3)', async () => {
    for (const node of nodes) node.beforePut = ({ ringEpoch }) => (ringEpoch < 2n ? stale() : undefined);
    const { writer, topology } = writerFor();
    const put = writer.put(source);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    const { ring, ...rest } = ringOf(healthy);
    topology.set({ ...rest, ring: { ...ring, epoch: 2n } });
    await expect(put).resolves.toMatchObject({ required: 2 });
  });

  it('fails with the nodes’ refusals when no newer topology comes in time', async () => {
    for (const node of nodes) node.beforePut = stale;
    const { writer } = writerFor(healthy, { timeoutMs: 500, timeoutPerMiBMs: 0 });
    const put = writer.put(source);
    const failed = expect(put).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      message: expect.stringContaining('old ring'),
    });
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    clock.advance(500);
    await failed;
    expect(copies()).toEqual([]);
  });
});
