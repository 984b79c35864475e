import { describe, expect, it, vi } from 'vitest';
import { RepoPurge } from '../../../../src/node/metadata/repo-purge.ts';
import { duePurges } from '../../../../src/node/metadata/state-machine/apply-purge-repo.ts';
import { allPartitions, nameIn, sampleService } from './sample-service.ts';
import { metadataCluster } from './sample-topology.ts';

const day = 86_400_000;
const minute = 60_000;

async function withDeleted() {
  const sample = sampleService();
  const { calls, clock, partitions, log, logs } = sample;
  for (const partition of allPartitions) {
    const name = nameIn(partition);
    const { id } = await sample.newRepo({ name });
    await calls.deleteRepo({ name, expectedId: id });
  }
  const purge = new RepoPurge({ partitions, clock, log });
  purge.start();
  const deleted = async () => (await calls.listRepos({ partitions: allPartitions, deleted: true })).repos.length;
  const isDue = (partition: number) => duePurges(logs.of(partition).state, clock.nowMs()).length > 0;
  return { ...sample, purge, deleted, isDue };
}

/** Looks again and again until partitions are due or not as expected. */
async function untilDue(
  { clock, isDue }: Pick<Awaited<ReturnType<typeof withDeleted>>, 'clock' | 'isDue'>,
  due: boolean[],
) {
  await vi.waitFor(() => {
    clock.advance(minute);
    expect(allPartitions.map(isDue)).toEqual(due);
  });
}

describe('RepoPurge', () => {
  it('removes deleted repositories of all its partitions once their grace time is over, and not before', async () => {
    const { clock, purge, deleted } = await withDeleted();
    clock.advance(7 * day - minute);
    await purge.stop();
    expect(await deleted()).toBe(4);

    const sample = await withDeleted();
    sample.clock.advance(7 * day);
    expect(allPartitions.map(sample.isDue)).toEqual([true, true, true, true]);
    await untilDue(sample, [false, false, false, false]);
    expect(allPartitions.map((partition) => sample.logs.of(partition).log.length)).toEqual([3, 3, 3, 3]);
    await sample.purge.stop();
  });

  it('leaves what another node serves to that one, and goes on with it when it comes back', async () => {
    const sample = await withDeleted();
    const { clock, purge, topology } = sample;
    topology.set(metadataCluster({ m1: '127.0.0.1:7501', m2: '127.0.0.1:7502' }));
    clock.advance(7 * day);
    await untilDue(sample, [false, true, false, true]);
    topology.set(metadataCluster({ m1: '127.0.0.1:7501' }));
    await untilDue(sample, [false, false, false, false]);
    await purge.stop();
  });

  it('begins nothing any more once it is stopped', async () => {
    const { clock, purge, isDue } = await withDeleted();
    await purge.stop();
    clock.advance(8 * day);
    expect(allPartitions.map(isDue)).toEqual([true, true, true, true]);
    expect(clock.pendingTimers()).toBe(0);
  });
});
