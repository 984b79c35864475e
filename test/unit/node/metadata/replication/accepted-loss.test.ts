import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { prepare } from '../memory-disk.ts';
import { recordAt, recordsFrom } from './sample-records.ts';
import { assigned, hears, leaseMs, process2, sampleReplica, servingReplica } from './sample-replica.ts';
import { held, placed, replicaOf, sampleCluster } from './sample-replicas.ts';

const refusal = new StratumError('INVALID_ARGUMENT', 'no', { field: 'x', reason: 'no', expected: 'y' });

/** m1 is the primary of partitions, whose in-sync sets stay as they are. */
async function cluster(partitions: number) {
  const sample = await sampleCluster(
    placed(Array.from({ length: partitions }, () => held(1n, 'm1', { inSync: ['m1', 'm2'] }))),
  );
  for (const id of ['m1', 'm3']) sample.of(id).authority.held.answer = () => Promise.reject(refusal);
  await sample.run(2 * leaseMs);
  const create = async (id: string, names: readonly string[]) => {
    for (const name of names) {
      const created = sample.submit(id, 0, name);
      await sample.run(200);
      await created;
    }
  };
  return { ...sample, create };
}

describe('a partition that goes on with a replica that lacked entries', () => {
  it('takes back whoever is beyond it only with what it has itself', async () => {
    const { of, see, run, create, count } = await cluster(1);
    await create('m1', ['a/1', 'a/2']);
    await run(leaseMs);
    of('m3').isCut = true;
    await create('m1', ['a/3', 'a/4', 'a/5', 'a/6']);
    await run(leaseMs);
    for (const id of ['m1', 'm2']) of(id).isCut = true;
    of('m3').isCut = false;
    const forced = placed([held(9n, 'm3', { inSync: ['m3'] })]);
    see(forced, 'm3');
    await run(4 * leaseMs);
    await create('m3', ['b/3', 'b/4']);
    see(forced, 'm1');
    of('m1').isCut = false;
    await run(6 * leaseMs);
    const positions = ['m1', 'm3'].map((id) => replicaOf(of(id), 0).disk.state.position);
    expect(positions[0]).toEqual(positions[1]);
    expect(['m1', 'm3'].map((id) => count(id, 0))).toEqual([4, 4]);
    expect(replicaOf(of('m3'), 0).term?.members.get('m1')?.matchIndex).toBe(positions[1]?.index);
  });
});

describe('a node with a damaged record', () => {
  it('serves its other partitions, and lets another one lead that one', async () => {
    const { of, run, create, submit } = await cluster(2);
    of('m3').isCut = true;
    await create('m1', ['a/1', 'a/2', 'a/3']);
    await run(8 * leaseMs);
    await prepare(of('m1').memory, (to) => {
      const record = Buffer.from(recordAt(2n, 1n));
      record.writeUInt8(record.readUInt8(30) ^ 4, 30);
      to.putRecord(0, 2n, record);
    });
    of('m3').isCut = false;
    await run(4 * leaseMs);
    expect(replicaOf(of('m1'), 0).refusal()).toMatchObject({ code: 'DATA_CORRUPT' });
    expect(replicaOf(of('m1'), 0).beacon()).toBeUndefined();
    const other = submit('m1', 1, 'b/1');
    await run(200);
    await expect(other).resolves.toMatchObject({ name: 'b/1' });
  });
});

describe('a replica that is taken away', () => {
  it('leaves no timer behind, though it was still applying', async () => {
    const { replica, append, clock, memory } = sampleReplica();
    replica.follow(assigned(5n, 'm2'));
    await append({
      records: recordsFrom(
        1n,
        Array.from({ length: 900 }, () => 5n),
      ),
      committedIndex: 900n,
    });
    expect(clock.pendingTimers()).toBe(1);
    replica.abandon('it is moved');
    const cleared = replica.disk.clear(new AbortController().signal);
    await memory.sync();
    await cleared;
    clock.advance(1);
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('a primary whose entries nobody takes', () => {
  it('counts those whose callers have gone', async () => {
    const sample = await servingReplica(5n, { inSync: ['m1', 'm2'], replicas: ['m1', 'm2'] });
    const before = sample.replica.waitingBytes;
    for (let at = 0; at < 20; at += 1) {
      hears(sample, process2);
      const caller = new AbortController();
      const submitted = sample.submit(`a/${at}`, caller.signal);
      caller.abort(new Error('too late'));
      await expect(submitted).rejects.toThrow('too late');
      await sample.memory.sync();
    }
    expect(sample.replica.waitingCount).toBeGreaterThanOrEqual(20);
    expect(sample.replica.waitingBytes).toBeGreaterThan(before + 20 * 60);
  });
});
