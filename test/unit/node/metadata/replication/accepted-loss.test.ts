import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { prepare } from '../memory-disk.ts';
import { recordAt, recordsFrom } from './sample-records.ts';
import { assigned, leaseMs, sampleReplica } from './sample-replica.ts';
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
  it('does not count whoever is beyond it, serves on, and deletes nothing there', async () => {
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
    expect(replicaOf(of('m3'), 0).term?.members.get('m1')?.matchIndex).toBeUndefined();
    expect(replicaOf(of('m3'), 0).refusal()).toBeUndefined();
    expect(of('m3').authority.asked.filter(({ partition }) => partition.inSync.includes('m1'))).toEqual([]);
    expect(['m1', 'm3'].map((id) => count(id, 0))).toEqual([6, 4]);
  });
});

describe('a primary whose store has come back with nothing', () => {
  it('serves nothing, not even for a moment, gives up its beacons, and the others keep what they have', async () => {
    const { of, see, run, create, count } = await cluster(1);
    // m3 has nothing, and the coordinators count on its having everything.
    of('m3').isCut = true;
    await create('m1', ['a/1', 'a/2', 'a/3']);
    await run(2 * leaseMs);
    of('m3').isCut = false;
    const next = placed([held(2n, 'm3', { inSync: ['m3', 'm1', 'm2'] })]);
    for (const id of ['m1', 'm2', 'm3']) see(next, id);
    for (let step = 0; step < 40; step += 1) {
      await run(leaseMs / 5);
      expect(() => of('m3').replicas.access.read(0, () => undefined)).toThrow();
    }
    expect(replicaOf(of('m3'), 0).refusal()).toMatchObject({ code: 'DATA_CORRUPT' });
    expect(replicaOf(of('m3'), 0).beacon()).toBeUndefined();
    expect(['m1', 'm2'].map((id) => count(id, 0))).toEqual([3, 3]);
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
