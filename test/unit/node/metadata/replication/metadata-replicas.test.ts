import { describe, expect, it } from 'vitest';
import { AppendResult } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { prepare, settled } from '../memory-disk.ts';
import { appendOf, beaconOf, leaseMs } from './sample-replica.ts';
import { held, placed, replicaOf, sampleCluster } from './sample-replicas.ts';

const firstEpoch = placed([held(1n, 'm1'), held(1n, 'm1')]);

/** m1 serves both partitions. */
async function serving(options: Parameters<typeof sampleCluster>[1] = {}, topology = firstEpoch) {
  const cluster = await sampleCluster(topology, options);
  await cluster.run(leaseMs);
  expect(cluster.of('m1').replicas.access.served()).toEqual([0, 1]);
  return cluster;
}

/** Whether a promise is settled by now. */
function watched(promise: Promise<unknown>) {
  const seen = { isDone: false };
  const done = () => {
    seen.isDone = true;
  };
  promise.then(done, done);
  return seen;
}

describe('the replicas of a cluster', () => {
  it('answer an operation when it is on the disk of each of them, and all come to the same state', async () => {
    const { submit, run, of, count } = await serving();
    of('m3').memory.disk.isFull = true;
    const created = submit('m1', 0, 'a/1');
    const seen = watched(created);
    await run(100);
    expect(seen.isDone).toBe(false);
    of('m3').memory.disk.isFull = false;
    await run(600);
    await expect(created).resolves.toMatchObject({ name: 'a/1' });
    await run(leaseMs);
    expect(['m1', 'm2', 'm3'].map((id) => count(id, 0))).toEqual([1, 1, 1]);
  });

  it('are sent the entries of all partitions in one message', async () => {
    const { submit, run, of, everyDisk } = await serving();
    of('m2').appends.length = 0;
    const created = Promise.all(Array.from({ length: 40 }, (_, at) => submit('m1', at % 2, `a/${at}`)));
    await everyDisk();
    await run(100);
    await created;
    // A few go out as they come; all that came up meanwhile follows together.
    expect(of('m2').appends.length).toBeLessThanOrEqual(10);
    expect(Math.max(...of('m2').appends)).toBe(2);
  });

  it('cost nothing but beacons while nothing happens', async () => {
    const { run, of } = await serving();
    of('m2').appends.length = 0;
    await run(3 * leaseMs);
    expect(of('m2').appends).toEqual([]);
  });

  it('serve nothing while one in-sync replica is not heard, and by themselves when it is again', async () => {
    const { run, of, submit } = await serving();
    of('m3').isCut = true;
    await run(1.1 * leaseMs);
    expect(of('m1').replicas.access.served()).toEqual([]);
    await expect(submit('m1', 0, 'a/1')).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    of('m3').isCut = false;
    await run(leaseMs / 2);
    expect(of('m1').replicas.access.served()).toEqual([0, 1]);
  });

  it('go on under another primary without a wait when the last one gives its lease back', async () => {
    const { run, see, of } = await serving();
    see(placed([held(2n, 'm2'), held(1n, 'm1')]));
    await run(leaseMs / 2);
    expect([of('m1').replicas.access.served(), of('m2').replicas.access.served()]).toEqual([[1], [0]]);
  });

  it('wait for the lease of a primary that was cut off', async () => {
    const { run, see, of } = await serving();
    of('m1').isCut = true;
    see(placed([held(2n, 'm2', { inSync: ['m2', 'm3'] }), held(1n, 'm1')]), 'm2', 'm3');
    await run(leaseMs * 0.85);
    expect(of('m2').replicas.access.served()).toEqual([]);
    await run(leaseMs / 2);
    expect([of('m1').replicas.access.served(), of('m2').replicas.access.served()]).toEqual([[], [0]]);
  });

  it('fence a primary that has not heard of its end', async () => {
    const { run, see, of, submit } = await serving();
    see(placed([held(2n, 'm2'), held(1n, 'm1')]), 'm2', 'm3');
    await run(leaseMs / 2);
    expect(of('m1').replicas.access.served()).toEqual([1]);
    await expect(submit('m1', 0, 'a/1')).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  it('fence it by their answer to an append, before any beacon', async () => {
    const { see, of, submit, everyDisk } = await serving();
    see(placed([held(2n, 'm2'), held(1n, 'm1')]), 'm3');
    submit('m1', 0, 'a/1').catch(() => undefined);
    await everyDisk();
    expect(of('m1').replicas.access.served()).toEqual([1]);
  });

  it('answer for a partition that they do not have', async () => {
    const { of } = await serving();
    const { replicas } = of('m2');
    const sender = { primaryId: 'm1', generation: 1n };
    const { generation, acks } = await replicas.appendEntries({ ...sender, appends: [appendOf({ partition: 9 })] });
    expect([generation, acks]).toMatchObject([1n, [{ partition: 9, result: AppendResult.NOT_NOW }]]);
    expect(await replicas.beacon({ ...sender, beacons: [beaconOf({ partition: 9 })] })).toMatchObject({
      acks: [{ partition: 9, accepted: false }],
    });
    for (const partition of [0, 9]) {
      expect(() => replicas.fetchSnapshot({ partition, epoch: 1n })).toThrow(
        expect.objectContaining({ code: 'NOT_PRIMARY' }),
      );
    }
  });

  it('leave out one that cannot be read, and serve the others', async () => {
    const cluster = await sampleCluster(placed([]));
    await prepare(cluster.of('m1').memory, (to) => to.writeHeader(0, Buffer.of(99)));
    cluster.see(placed([held(1n, 'm1', { inSync: ['m1'] }), held(1n, 'm1', { inSync: ['m1'] })]));
    await cluster.run(leaseMs);
    expect(cluster.of('m1').replicas.access.served()).toEqual([1]);
    expect(cluster.of('m1').log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'a partition cannot be opened' }),
    );
  });
});

describe('a process and the topology', () => {
  it.each([
    ['an earlier process of the node', { m1: { generationId: 0n } }],
    ['a later one', { m1: { generationId: 2n } }],
  ])('does not act on one that counts on %s', async (_, changes) => {
    const cluster = await sampleCluster(placed([held(1n, 'm1'), held(1n, 'm1')], changes));
    await cluster.run(2 * leaseMs);
    expect([...cluster.of('m1').replicas.replicas.keys()]).toEqual([]);
    await expect(cluster.submit('m1', 0, 'a/1')).rejects.toMatchObject({ code: 'NOT_READY' });
  });

  it('serves nothing any more when a later process has the node’s place, and leaves open what waits', async () => {
    const { see, of, submit, run } = await serving();
    of('m3').memory.disk.isFull = true;
    const waiting = submit('m1', 0, 'a/1');
    const open = expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    await run(100);
    see(placed([held(1n, 'm1'), held(1n, 'm1')], { m1: { generationId: 2n } }));
    await open;
    expect(of('m1').replicas.access.served()).toEqual([]);
    of('m3').memory.disk.isFull = false;
  });

  it('is not moved by one that has forgotten it', async () => {
    const { see, of } = await serving();
    const topology = placed([held(2n, 'm2'), held(2n, 'm2')]);
    see({ ...topology, nodes: new Map([...topology.nodes].filter(([id]) => id !== 'm1')) }, 'm1');
    expect(of('m1').replicas.access.served()).toEqual([0, 1]);
  });
});

describe('a primary that is not heard', () => {
  const reported = [
    { partition: 0, epoch: 1n },
    { partition: 1, epoch: 1n },
  ];

  it('is reported by each in-sync replica, with its epoch, once; and taken back when it is heard again', async () => {
    const { of, run } = await serving();
    of('m1').isCut = true;
    await run(1.1 * leaseMs);
    expect(of('m2').authority.silent).toEqual([]);
    await run(2 * leaseMs);
    expect(of('m2').authority.silent).toEqual([reported]);
    expect(of('m3').authority.silent).toEqual([reported]);
    of('m1').isCut = false;
    await run(leaseMs);
    expect(of('m2').authority.silent).toEqual([reported, []]);
  });

  it('is not reported by a replica that is not in sync', async () => {
    const topology = placed([held(1n, 'm1', { inSync: ['m1', 'm2'] }), held(1n, 'm1', { inSync: ['m1', 'm2'] })]);
    const { of, run } = await serving({}, topology);
    of('m1').isCut = true;
    await run(3 * leaseMs);
    expect([of('m2').authority.silent, of('m3').authority.silent]).toEqual([[reported], []]);
  });

  it('gets the time of a lease from its appointment', async () => {
    const { of, run, see } = await serving();
    of('m1').isCut = true;
    await run(leaseMs);
    see(placed([held(2n, 'm1'), held(2n, 'm1')]), 'm2');
    await run(leaseMs);
    expect(of('m2').authority.silent).toEqual([]);
  });

  it('is not reported by a process that stood still itself, until it has listened for long enough', async () => {
    const { of, run } = await serving();
    for (const id of ['m1', 'm2']) of(id).isCut = true;
    of('m2').isStalled = true;
    await run(5 * leaseMs);
    of('m2').isStalled = false;
    await run(leaseMs);
    expect(of('m2').authority.silent).toEqual([]);
    await run(leaseMs);
    expect(of('m2').authority.silent).toEqual([reported]);
  });
});

describe('a primary that stood still', () => {
  it('does not ask for the removal of everybody at once', async () => {
    const { of, run } = await serving();
    const primary = of('m1');
    primary.isStalled = true;
    await run(8 * leaseMs);
    primary.isStalled = false;
    await run(leaseMs / 2);
    expect(primary.authority.asked).toEqual([]);
    expect(primary.replicas.access.served()).toEqual([0, 1]);
  });
});

describe('a replica that was away for too long', () => {
  const without3 = { inSync: ['m1', 'm2'], replicas: ['m1', 'm2'] };
  const retention = { entries: 3, bytes: 1_000_000 };
  const topologies = {
    before: placed([held(1n, 'm1', without3), held(1n, 'm1', without3)]),
    after: placed([held(2n, 'm1', { inSync: ['m1', 'm2'] }), held(1n, 'm1', without3)]),
  };

  async function behind() {
    const cluster = await serving({ retention }, topologies.before);
    for (let at = 0; at < 12; at += 1) {
      const created = cluster.submit('m1', 0, `a/${at}`);
      await cluster.run(100);
      await created;
    }
    await cluster.run(leaseMs);
    expect(replicaOf(cluster.of('m1'), 0).disk.log.base.index).toBeGreaterThan(0n);
    return cluster;
  }

  it('is copied whole while writes go on, catches up by the log, and is proposed', async () => {
    const { see, run, submit, count, of } = await behind();
    see(topologies.after);
    const created = submit('m1', 0, 'a/more');
    await run(2 * leaseMs);
    await created;
    await run(leaseMs);
    expect([count('m1', 0), count('m3', 0)]).toEqual([13, 13]);
    expect(of('m1').authority.asked.at(-1)).toMatchObject({
      partition: { id: 0, epoch: 2n },
      generations: new Map([['m3', 1n]]),
    });
    expect(of('m3').log.lines.filter(({ message }) => message === 'a partition was copied whole')).toHaveLength(1);
  });

  it('is copied again when the copy breaks off, until it is whole', async () => {
    const { see, run, count, of } = await behind();
    let tries = 0;
    of('m1').damage = async function* (messages) {
      tries += 1;
      for await (const message of messages) if (tries > 2 || message.end === undefined) yield message;
    };
    see(topologies.after);
    await run(3 * leaseMs);
    expect(tries).toBe(3);
    expect(count('m3', 0)).toBe(12);
    expect(replicaOf(of('m3'), 0).disk.isPartial).toBe(false);
  });
});

describe('a partition that was moved away', () => {
  const elsewhere = { inSync: ['m1', 'm2'], replicas: ['m1', 'm2'] };
  const created = async (cluster: Awaited<ReturnType<typeof serving>>) => {
    const answer = cluster.submit('m1', 0, 'a/1');
    await cluster.run(leaseMs);
    await answer;
  };
  const stored = ({ of }: Awaited<ReturnType<typeof serving>>, id: string) =>
    of(id).memory.store.read((reader) => [reader.partitions(), [...reader.records(0, 0n)].length]);

  it('is taken off the disk, and nothing else is', async () => {
    const cluster = await serving();
    await created(cluster);
    cluster.see(placed([held(2n, 'm1', elsewhere), held(1n, 'm1')]));
    await cluster.run(leaseMs);
    expect(stored(cluster, 'm3')).toEqual([[1], 0]);
    expect(stored(cluster, 'm2')).toEqual([[0, 1], 1]);
    expect([...cluster.of('m3').replicas.replicas.keys()]).toEqual([1]);
  });

  it('stays until the others are in sync: too early is what lost a repository once', async () => {
    const cluster = await serving();
    await created(cluster);
    cluster.see(placed([held(2n, 'm1', { inSync: ['m1'], replicas: ['m1', 'm2'] }), held(1n, 'm1')]));
    await cluster.run(leaseMs);
    expect(stored(cluster, 'm3')).toEqual([[0, 1], 1]);
    cluster.see(placed([held(3n, 'm1', elsewhere), held(1n, 'm1')]));
    await cluster.run(leaseMs);
    expect(stored(cluster, 'm3')).toEqual([[1], 0]);
  });

  it('stays when the word of it is older than what the node has seen', async () => {
    const cluster = await serving();
    await created(cluster);
    const { replicas } = cluster.of('m3');
    await replicas.beacon({ primaryId: 'm2', generation: 1n, beacons: [beaconOf({ partition: 0, epoch: 7n })] });
    cluster.see(placed([held(6n, 'm1', elsewhere), held(1n, 'm1')]), 'm3');
    await cluster.run(leaseMs);
    expect(stored(cluster, 'm3')).toEqual([[0, 1], 1]);
  });

  it('is taken off the disk of a node that was down at the time', async () => {
    const cluster = await sampleCluster(placed([]));
    const { memory } = cluster.of('m3');
    await prepare(memory, (to) => {
      to.writeState(0, [{ key: Buffer.from('r'), value: Buffer.from('1') }]);
      to.writeHeader(0, Buffer.concat([Buffer.of(1), Buffer.alloc(41)]));
    });
    cluster.see(placed([held(2n, 'm1', elsewhere), held(1n, 'm1')]));
    await cluster.run(leaseMs);
    expect(stored(cluster, 'm3')).toEqual([[1], 0]);
  });

  it('can come back', async () => {
    const cluster = await serving();
    await created(cluster);
    cluster.see(placed([held(2n, 'm1', elsewhere), held(1n, 'm1')]));
    // Before the removal is through.
    cluster.see(placed([held(3n, 'm1', { inSync: ['m1', 'm2'] }), held(1n, 'm1')]));
    await cluster.run(2 * leaseMs);
    expect([cluster.count('m1', 0), cluster.count('m3', 0)]).toEqual([1, 1]);
  });
});

describe('a node that stops', () => {
  it('answers what it has accepted, takes nothing more, and has everything on disk', async () => {
    const { of, submit, run, clock, everyDisk } = await serving();
    const accepted = Promise.allSettled([0, 1, 0].map((partition, at) => submit('m1', partition, `a/${at}`)));
    const stopped = of('m1').replicas.stop();
    await expect(submit('m1', 0, 'a/late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(() => of('m1').replicas.access.read(0, () => undefined)).toThrow(
      expect.objectContaining({ code: 'SHUTTING_DOWN' }),
    );
    await run(200);
    expect((await accepted).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    await everyDisk();
    await stopped;
    clock.advance(leaseMs);
    expect(replicaOf(of('m1'), 0).disk.state.isDirty).toBe(false);
    expect(replicaOf(of('m1'), 0).disk.state.position.index).toBe(2n);
  });

  it('leaves open what the others do not answer within a lease', async () => {
    const { of, submit, run } = await serving();
    for (const id of ['m2', 'm3']) of(id).isCut = true;
    const open = expect(submit('m1', 0, 'a/1')).rejects.toMatchObject({ code: 'CANCELLED' });
    const stopped = of('m1').replicas.stop();
    const seen = watched(stopped);
    await run(leaseMs);
    expect(seen.isDone).toBe(false);
    await run(leaseMs / 5);
    await open;
    await stopped;
  });

  // Its log is on disk up to what it acknowledged; what it applied since follows from the log.
  it('ends though its disk takes nothing any more', async () => {
    const { of, submit, run } = await serving();
    const { memory, replicas } = of('m1');
    memory.disk.isFull = true;
    const open = submit('m1', 0, 'a/1').catch(() => undefined);
    await run(100);
    const seen = watched(replicas.stop());
    await run(3 * leaseMs);
    // The end of the test can then stop it.
    const isDone = seen.isDone;
    memory.disk.isFull = false;
    await run(leaseMs);
    await open;
    expect(isDone).toBe(true);
  });

  it('waits until another one has taken over what it is the primary of', async () => {
    const { of, see } = await serving();
    const handedOver = of('m1').replicas.handedOver(new AbortController().signal);
    const seen = watched(handedOver);
    see(placed([held(2n, 'm2'), held(1n, 'm1')]));
    await settled();
    expect(seen.isDone).toBe(false);
    see(placed([held(2n, 'm2'), held(2n, 'm2')]));
    await handedOver;
  });

  it('waits for nobody where nobody could take over, nor longer than it may', async () => {
    const { of, see } = await serving();
    const controller = new AbortController();
    const handedOver = of('m1').replicas.handedOver(controller.signal);
    controller.abort();
    await handedOver;
    see(placed([held(1n, 'm1'), held(1n, 'm1')], { m2: { state: 'DOWN' }, m3: { state: 'DOWN' } }));
    await of('m1').replicas.handedOver(new AbortController().signal);
  });
});
