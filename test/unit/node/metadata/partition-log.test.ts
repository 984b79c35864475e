import { describe, expect, it } from 'vitest';
import { command, pack, sampleMetadata } from './sample-metadata.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';
import { readStoredPartition, replayed } from './stored-log.ts';

describe('the log of a partition', () => {
  it('has every change in order without gaps, and makes the whole state from nothing', async () => {
    const { calls, newRepo, node, path, clock } = await sampleMetadata({
      topology: heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1 })),
    });
    const { id: repoId } = await newRepo();
    const repo = { repo: 'team/app', repoId };
    await calls.updateRefs({ ...repo, commands: [command('refs/heads/a', '', '1')], packs: [pack(1)] });
    clock.advance(2 * 24 * 3_600_000);
    await calls.updateRefs({
      ...repo,
      commands: [command('refs/heads/b', 'x', '1'), command('refs/heads/c', '', '1')],
    });
    await calls.setHead({ ...repo, head: 'refs/heads/a' });
    await calls.replacePacks({ ...repo, remove: [pack(1).name], add: [pack(2)], expectedGeneration: 2n });
    const other = await newRepo({ name: 'team/gone' });
    await calls.deleteRepo({ name: 'team/gone', expectedId: other.id });
    await node.stop();
    const { entries, state } = await readStoredPartition(path, 0);
    expect(entries.map(({ index, epoch, operation }) => [index, epoch, operation?.$case])).toEqual([
      [1n, 1n, 'createRepo'],
      [2n, 1n, 'updateRefs'],
      [3n, 1n, 'updateRefs'],
      [4n, 1n, 'setHead'],
      [5n, 1n, 'replacePacks'],
      [6n, 1n, 'createRepo'],
      [7n, 1n, 'deleteRepo'],
    ]);
    expect(replayed(0, entries)).toEqual(state);
  });

  it('leaves out what changed nothing: refusals, repetitions, what is so already', async () => {
    const { calls, newRepo, node, path } = await sampleMetadata({
      topology: heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1 })),
    });
    const { id: repoId } = await newRepo();
    const push = { repo: 'team/app', repoId, pushId: Buffer.alloc(16), commands: [command('refs/heads/a', '', '1')] };
    await calls.updateRefs(push);
    await calls.updateRefs(push);
    await calls.setHead({ repo: 'team/app', repoId, head: 'refs/heads/main' });
    await expect(newRepo()).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    await calls.deleteRepo({ name: 'team/none', expectedId: 'x' });
    await node.stop();
    expect((await readStoredPartition(path, 0)).entries).toHaveLength(2);
  });

  it('carries the epoch of each entry, which never falls', async () => {
    const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1, epoch: 3n }));
    const { calls, node, path } = await sampleMetadata({ topology });
    await calls.createRepo({ name: 'a/1' });
    topology.set(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1, epoch: 8n }));
    await calls.createRepo({ name: 'a/2' });
    topology.set(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1, epoch: 7n }));
    await expect(calls.createRepo({ name: 'a/3' })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await node.stop();
    expect((await readStoredPartition(path, 0)).entries.map(({ epoch }) => epoch)).toEqual([3n, 8n]);
  });
});
