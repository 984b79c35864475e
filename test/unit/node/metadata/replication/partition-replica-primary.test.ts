import { describe, expect, it } from 'vitest';
import type { StateReader } from '../../../../../src/node/metadata/state.ts';
import { readRepoCount } from '../../../../../src/node/metadata/state-machine/totals.ts';
import type { Partition } from '../../../../../src/topology/topology.ts';
import { memoryDisk, settled } from '../memory-disk.ts';
import { recordAt, recordsFrom } from './sample-records.ts';
import {
  assigned,
  beaconOf,
  hears,
  leaseMs,
  matches,
  process2,
  process3,
  renew,
  type SampleReplica,
  sampleReplica,
  servingReplica,
  termOf,
} from './sample-replica.ts';

const alone: Partial<Partition> = { inSync: ['m1'], replicas: ['m1'] };
const count = (state: StateReader) => Number(readRepoCount(state));
const refusalOf = ({ replica }: SampleReplica) => replica.refusal()?.code;

/** m1 has followed m2 in epoch 5, acknowledged a beacon of it, and has become the primary of epoch 6 at once. */
async function promoted(records: readonly Buffer[] = []) {
  const sample = sampleReplica();
  sample.clock.advance(5 * leaseMs);
  sample.replica.follow(assigned(5n, 'm2'));
  if (records.length > 0) await sample.append({ records: [...records] });
  sample.replica.handleBeacon(beaconOf({}), process2);
  sample.replica.follow(assigned(6n, 'm1'));
  return sample;
}

describe('a primary that is alone', () => {
  it('serves at once in the first epoch', () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(1n, 'm1', alone));
    expect(sample.replica.read(count)).toBe(0);
  });

  it('answers an operation when it is on disk, and shows it to nobody before', async () => {
    const { replica, memory, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    const created = submit('a/1');
    await memory.beginSync();
    await settled();
    expect([replica.read(count), replica.waitingCount, replica.waitingBytes]).toEqual([0, 1, 10]);
    await memory.sync();
    expect(replica.read(count)).toBe(1);
    await expect(created).resolves.toMatchObject({ name: 'a/1' });
    expect([replica.waitingCount, replica.waitingBytes]).toEqual([0, 0]);
  });

  it('puts operations that come in together on disk with one sync', async () => {
    const { replica, memory, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    const created = Array.from({ length: 50 }, (_, at) => submit(`a/${at}`));
    await memory.sync();
    await Promise.all(created);
    // And one more for what was applied then.
    expect(memory.syncs()).toBeLessThanOrEqual(2);
  });

  it('logs what the state machine refuses, which changes nothing and harms nobody', async () => {
    const { replica, memory, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    const created = ['a/1', 'a/2', 'a/1', 'a/3'].map((name) => submit(name));
    const settledAll = Promise.allSettled(created);
    await memory.sync();
    expect((await settledAll).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    await expect(created[2]).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    expect([replica.read(count), replica.disk.log.last.index]).toEqual([3, 4n]);
  });

  it('serves again after a crash in the same epoch', async () => {
    const { replica, memory, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    const created = submit('a/1');
    await memory.beginSync();
    memory.disk.crash(true);
    void created;
    const next = sampleReplica({ memory: memoryDisk(memory.disk) });
    next.replica.follow(assigned(1n, 'm1', alone));
    expect(next.replica.read(count)).toBe(1);
  });

  it('refuses operations while its disk takes nothing, reads on, and goes on by itself when there is room', async () => {
    const { replica, memory, clock, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    memory.disk.isFull = true;
    const waiting = submit('a/1');
    await memory.sync();
    expect(() => submit('a/2')).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
    expect(replica.read(count)).toBe(0);
    memory.disk.isFull = false;
    clock.advance(500);
    await memory.sync();
    await expect(waiting).resolves.toMatchObject({ name: 'a/1' });
    expect(replica.disk.log.last.index).toBe(1n);
  });
});

describe('a caller that goes away', () => {
  it('leaves nothing behind when it goes before its operation is in the log', () => {
    const { replica, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    expect(() => submit('a/1', AbortSignal.abort(new Error('gone')))).toThrow('gone');
    expect([replica.disk.log.last.index, replica.waitingCount]).toEqual([0n, 0]);
  });

  it('leaves open what becomes of it when it goes after: here it is done', async () => {
    const { replica, memory, submit } = sampleReplica();
    replica.follow(assigned(1n, 'm1', alone));
    const caller = new AbortController();
    const gone = submit('a/1', caller.signal);
    caller.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    await memory.sync();
    expect(replica.read(count)).toBe(1);
  });
});

describe('the lease of a primary', () => {
  it('holds for nine tenths from the sending of the beacon that each in-sync replica acknowledged', async () => {
    const sample = await servingReplica();
    sample.clock.advance(leaseMs * 0.9 - 1);
    expect(sample.replica.read(count)).toBe(0);
    sample.clock.advance(1);
    expect(() => sample.replica.read(count)).toThrow(expect.objectContaining({ code: 'INSUFFICIENT_REPLICAS' }));
    expect(() => sample.submit('a/1')).toThrow(expect.objectContaining({ code: 'INSUFFICIENT_REPLICAS' }));
    renew(sample);
    expect(sample.replica.read(count)).toBe(0);
  });

  it('is not renewed by an acknowledgement that comes late, of a beacon sent long ago', async () => {
    const sample = await servingReplica();
    const sentMs = sample.clock.monotonicMs();
    sample.clock.advance(leaseMs);
    for (const process of [process2, process3]) hears(sample, process, sentMs);
    expect(refusalOf(sample)).toBe('INSUFFICIENT_REPLICAS');
  });

  it.each([process2, process3])('lacks not one of the in-sync replicas: not $nodeId', async (silent) => {
    const sample = await servingReplica();
    sample.clock.advance(leaseMs);
    hears(sample, silent === process2 ? process3 : process2);
    expect(refusalOf(sample)).toBe('INSUFFICIENT_REPLICAS');
    expect(sample.replica.refusal()).toMatchObject({
      details: { required: 3, achieved: 2, nodes: [{ nodeId: silent.nodeId }] },
    });
  });

  it('asks nothing of a replica that is not in sync', async () => {
    const sample = await servingReplica(5n, { inSync: ['m1', 'm2'] });
    sample.clock.advance(leaseMs);
    hears(sample, process2);
    expect(refusalOf(sample)).toBeUndefined();
  });

  it('is of a registered process only', async () => {
    const sample = await servingReplica();
    sample.clock.advance(leaseMs);
    hears(sample, process3);
    hears(sample, { nodeId: 'm2', generation: 2n });
    expect(refusalOf(sample)).toBe('INSUFFICIENT_REPLICAS');
  });
});

describe('a new primary', () => {
  it('waits eleven tenths of a lease from the last beacon that it acknowledged to another one', async () => {
    const sample = await promoted();
    sample.clock.advance(leaseMs * 1.1 - 1);
    renew(sample);
    expect(refusalOf(sample)).toBe('NOT_READY');
    sample.clock.advance(1);
    expect(refusalOf(sample)).toBeUndefined();
  });

  it('waits until all of its log is committed', async () => {
    const sample = await promoted(recordsFrom(1n, [5n, 5n]));
    sample.clock.advance(2 * leaseMs);
    for (const process of [process2, process3]) hears(sample, process);
    matches(sample, process2, 2n);
    matches(sample, process3, 1n);
    expect(refusalOf(sample)).toBe('NOT_READY');
    matches(sample, process3, 2n);
    expect(refusalOf(sample)).toBeUndefined();
    expect(sample.replica.read(count)).toBe(2);
  });

  it('need not wait for one that has given its lease back', async () => {
    const sample = await promoted();
    sample.replica.handleBeacon(beaconOf({ relinquished: true }), process2);
    renew(sample);
    expect(refusalOf(sample)).toBeUndefined();
  });

  it('need not wait for one that gave its lease back before this one heard of its appointment', () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(5n, 'm2'));
    sample.replica.handleBeacon(beaconOf({}), process2);
    sample.replica.handleBeacon(beaconOf({ relinquished: true }), process2);
    sample.replica.follow(assigned(6n, 'm1'));
    renew(sample);
    expect(refusalOf(sample)).toBeUndefined();
  });

  it.each([
    ['another node', {}, process3],
    ['another process of the node', {}, { nodeId: 'm2', generation: 2n }],
    ['an earlier epoch of the same process', { epoch: 4n }, process2],
  ])('waits though a lease is given back by %s', async (_, beacon, sender) => {
    const sample = await promoted();
    sample.replica.handleBeacon(beaconOf({ ...beacon, relinquished: true }), sender);
    renew(sample);
    expect(refusalOf(sample)).toBe('NOT_READY');
  });

  it('waits from its own start for what its last process may have acknowledged, and once more after taking over', async () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(6n, 'm1'));
    sample.clock.advance(leaseMs * 1.1 - 1);
    renew(sample);
    expect(refusalOf(sample)).toBe('NOT_READY');
    sample.clock.advance(1);
    // Taken over: an old process of this node may have had its beacons acknowledged until just now.
    expect(refusalOf(sample)).toBe('NOT_READY');
    for (let passed = 0; passed < 10; passed += 1) {
      expect(refusalOf(sample)).toBe('NOT_READY');
      sample.clock.advance(leaseMs * 0.11);
      renew(sample);
    }
    expect(refusalOf(sample)).toBeUndefined();
  });

  it('waits but once where it is alone', () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(6n, 'm1', alone));
    sample.clock.advance(leaseMs * 1.1);
    expect(refusalOf(sample)).toBeUndefined();
  });

  it('is none in an epoch that it has seen a higher one of', async () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(5n, 'm2'));
    await sample.append({ epoch: 7n }, process3);
    sample.replica.follow(assigned(6n, 'm1'));
    expect([sample.replica.term, refusalOf(sample)]).toEqual([undefined, 'NOT_PRIMARY']);
  });
});

describe('a primary whose assignment changes', () => {
  it('serves on when only its in-sync set does', async () => {
    const sample = await servingReplica();
    expect(sample.replica.follow(assigned(6n, 'm1', { inSync: ['m1', 'm2'] }))).toBeUndefined();
    expect([refusalOf(sample), termOf(sample).epoch]).toEqual([undefined, 6n]);
  });

  it('begins anew when somebody may have been the primary between', async () => {
    const sample = await servingReplica();
    sample.replica.follow(assigned(7n, 'm1'));
    renew(sample);
    expect(refusalOf(sample)).toBe('NOT_READY');
  });

  it('acts on nothing that is no newer', async () => {
    const sample = await servingReplica();
    sample.replica.follow(assigned(5n, 'm2'));
    sample.replica.follow(assigned(4n, 'm2'));
    expect(refusalOf(sample)).toBeUndefined();
  });

  it('gives back a lease that it has held, and none that it has not', async () => {
    const serving = await servingReplica();
    expect(serving.replica.follow(assigned(6n, 'm2'))?.epoch).toBe(5n);
    const waiting = await promoted();
    expect(waiting.replica.follow(assigned(7n, 'm2'))).toBeUndefined();
  });

  it('serves nothing any more, and says who does', async () => {
    const sample = await servingReplica();
    sample.replica.follow(assigned(6n, 'm2'));
    expect(sample.replica.refusal()).toMatchObject({
      code: 'NOT_PRIMARY',
      details: { partition: 3, epoch: 6n, primaryId: 'm2', primaryAddress: '127.0.0.1:2' },
    });
  });

  it('serves nothing once another node answers for a higher epoch, and does not say that it is the primary', async () => {
    const sample = await servingReplica();
    sample.replica.fence(6n);
    const refusal = sample.replica.refusal();
    expect(refusal?.code).toBe('NOT_PRIMARY');
    expect(refusal?.details).not.toHaveProperty('primaryId');
  });

  it('is not fenced by its own epoch', async () => {
    const sample = await servingReplica();
    sample.replica.fence(5n);
    expect(refusalOf(sample)).toBeUndefined();
  });

  // The replicas may hear of a change of the in-sync set before the primary does.
  it('goes on without a wait when the higher epoch turns out to be its own', async () => {
    const sample = await servingReplica();
    sample.replica.fence(6n);
    sample.replica.follow(assigned(6n, 'm1', { inSync: ['m1', 'm2'] }));
    renew(sample);
    expect(refusalOf(sample)).toBeUndefined();
  });
});

describe('a primary that was fenced', () => {
  it('begins anew when the later epoch that is its own is not the next one', async () => {
    const sample = await servingReplica();
    sample.replica.fence(7n);
    sample.replica.follow(assigned(7n, 'm1'));
    renew(sample);
    expect(refusalOf(sample)).toBe('NOT_READY');
  });

  it('is none in an epoch before the one that it was fenced by', async () => {
    const sample = await servingReplica();
    sample.replica.fence(7n);
    sample.replica.follow(assigned(6n, 'm1'));
    expect([sample.replica.term, refusalOf(sample)]).toEqual([undefined, 'NOT_PRIMARY']);
  });

  it('gives its lease back when it hears by whom', async () => {
    const sample = await servingReplica();
    sample.replica.fence(6n);
    expect([sample.replica.term, sample.replica.beacon()]).toEqual([undefined, undefined]);
    expect(sample.replica.follow(assigned(6n, 'm2'))?.epoch).toBe(5n);
  });
});

describe('callers that wait at a deposed primary', () => {
  /** Two operations of epoch 5 that only this node has. */
  async function deposed() {
    const sample = await servingReplica();
    const [first, second] = ['a/1', 'a/2'].map((name) => sample.submit(name));
    for (const each of [first, second]) each?.catch(() => undefined);
    await sample.memory.sync();
    sample.replica.follow(assigned(6n, 'm2'));
    return { ...sample, first, second };
  }

  it('get their results when the next one commits the entries', async () => {
    const { append, first, second } = await deposed();
    await append({ epoch: 6n, previousIndex: 2n, previousEpoch: 5n, committedIndex: 2n });
    await expect(Promise.all([first, second])).resolves.toMatchObject([{ name: 'a/1' }, { name: 'a/2' }]);
  });

  it('are told NOT_PRIMARY when the next one commits another entry in its place', async () => {
    const { append, first, second, replica } = await deposed();
    await append({ epoch: 6n, previousIndex: 1n, previousEpoch: 5n, records: [recordAt(2n, 6n)], committedIndex: 2n });
    await expect(first).resolves.toMatchObject({ name: 'a/1' });
    await expect(second).rejects.toMatchObject({ code: 'NOT_PRIMARY', details: { primaryId: 'm2' } });
    expect(replica.waitingCount).toBe(0);
  });

  it('are told nothing by a truncation: who was not heard yet may have the entry', async () => {
    const { append, replica } = await deposed();
    await append({ epoch: 6n, previousIndex: 0n, records: [recordAt(1n, 6n)] });
    expect([replica.disk.log.last.index, replica.waitingCount]).toEqual([1n, 2]);
  });

  it('do not learn the outcome when the partition is copied, or leaves the node', async () => {
    const copied = await deposed();
    const replaced = copied.replica.replace(new AbortController().signal, async () => ({ index: 9n, epoch: 6n }));
    await copied.memory.sync();
    await replaced;
    const left = await deposed();
    left.replica.abandon('it is no replica any more');
    for (const open of [copied.first, copied.second, left.first, left.second]) {
      await expect(open).rejects.toMatchObject({ code: 'CANCELLED' });
    }
  });
});

describe('the beacon of a primary', () => {
  it('says what is committed, and of which epoch that is', async () => {
    const sample = await promoted(recordsFrom(1n, [4n]));
    renew(sample);
    expect(sample.replica.beacon()).toMatchObject({
      epoch: 6n,
      committedIndex: 1n,
      committedEpoch: 4n,
      relinquished: false,
    });
  });

  it('is sent by nobody else', async () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(5n, 'm2'));
    expect(sample.replica.beacon()).toBeUndefined();
  });

  it('is silent where the others have written what its own disk does not take, so that one of them takes over', async () => {
    const sample = await servingReplica();
    sample.memory.disk.isFull = true;
    const waiting = sample.submit('a/1');
    waiting.catch(() => undefined);
    await sample.memory.sync();
    expect(sample.replica.beacon()).toBeDefined();
    matches(sample, process2, 1n);
    expect(sample.replica.beacon()).toBeUndefined();
  });
});
