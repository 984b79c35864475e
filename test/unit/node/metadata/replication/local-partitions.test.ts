import { describe, expect, it } from 'vitest';
import { leaseMs } from './sample-replica.ts';
import { held, placed, sampleCluster } from './sample-replicas.ts';

const alone = { inSync: ['m1'], replicas: ['m1'] };
const names = (count: number) => Array.from({ length: count }, (_, at) => `a/${at}`);

/** m1 alone serves three partitions, and m2 one more. */
async function sample(options: Parameters<typeof sampleCluster>[1] = {}) {
  const elsewhere = { inSync: ['m2'], replicas: ['m2'] };
  const cluster = await sampleCluster(
    placed([held(1n, 'm1', alone), held(1n, 'm1', alone), held(1n, 'm1', alone), held(1n, 'm2', elsewhere)]),
    options,
  );
  return { ...cluster, access: cluster.of('m1').replicas.access };
}

describe('the partitions of a node', () => {
  it.each([
    ['operations', { waitingMax: 3 }],
    ['bytes', { waitingBytesMax: 30 }],
  ])('refuse more than their bound of %s together, and take new ones when there is room again', async (_, options) => {
    const { submit, everyDisk } = await sample(options);
    const accepted = [0, 1, 0].map((partition, at) => submit('m1', partition, `a/${at}`));
    await expect(submit('m1', 1, 'a/more')).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfterMs: expect.any(Number) },
    });
    await everyDisk();
    await Promise.all(accepted);
    const more = submit('m1', 1, 'a/more');
    await everyDisk();
    await expect(more).resolves.toMatchObject({ name: 'a/more' });
  });

  it('take one operation of any size when nothing waits', async () => {
    const { access, everyDisk, submit } = await sample({ waitingBytesMax: 5 });
    const large = submit('m1', 0, 'a/large');
    await everyDisk();
    await expect(large).resolves.toMatchObject({ name: 'a/large' });
    expect(access.served()).toEqual([0, 1, 2]);
  });

  it('take operations of many callers, in the order in which they came', async () => {
    const { submit, everyDisk, of } = await sample();
    const created = Promise.all(names(20).map((name) => submit('m1', 0, name)));
    await everyDisk();
    expect((await created).map(({ name }) => name)).toEqual(names(20));
    expect(of('m1').memory.syncs()).toBeLessThanOrEqual(5);
  });

  it('say who has what this node does not', async () => {
    const { access, submit } = await sample();
    const details = { partition: 3, epoch: 1n, primaryId: 'm2', primaryAddress: '127.0.0.1:2' };
    await expect(submit('m1', 3, 'a/1')).rejects.toMatchObject({ code: 'NOT_PRIMARY', details });
    expect(() => access.read(3, () => undefined)).toThrow(expect.objectContaining({ code: 'NOT_PRIMARY', details }));
  });

  it.each([
    ['knows of no such partition', 9],
    ['says that nobody has it', 1],
  ])('are not ready where the topology %s', async (_, partition) => {
    const nobody = held(0n, '', { inSync: [], replicas: [] });
    const { of } = await sampleCluster(placed([held(1n, 'm1', alone), nobody]));
    const { access } = of('m1').replicas;
    expect(() => access.read(partition, () => undefined)).toThrow(expect.objectContaining({ code: 'NOT_READY' }));
  });

  it('are not ready where there is no topology yet', async () => {
    const { of } = await sampleCluster(placed([], { m1: { generationId: 0n } }));
    const { access } = of('m1').replicas;
    for (const ask of [() => access.read(0, () => undefined), () => access.partitionOf('team/app')]) {
      expect(ask).toThrow(expect.objectContaining({ code: 'NOT_READY' }));
    }
  });

  it('leave nothing in the log of an operation whose caller had gone', async () => {
    const { submit, everyDisk, run, count } = await sample();
    await expect(submit('m1', 0, 'a/1', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    await everyDisk();
    await run(leaseMs);
    expect(count('m1', 0)).toBe(0);
  });
});
