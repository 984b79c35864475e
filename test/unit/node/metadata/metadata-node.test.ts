import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataNode } from '../../../../src/node/metadata/metadata-node.ts';
import { MetadataServiceService, ReplicationServiceService } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { loneNode } from './lone-node.ts';
import { callsOf, command, pack, sampleMetadata, temporaryFolder } from './sample-metadata.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';
import { readStoredPartition, replayed } from './stored-log.ts';

describe('MetadataNode', () => {
  it('has everything again after a restart', async () => {
    const first = await sampleMetadata();
    const { id: repoId } = await first.newRepo();
    await first.calls.updateRefs({
      repo: 'team/app',
      repoId,
      commands: [command('refs/heads/a', '', '1')],
      packs: [pack(1)],
    });
    await first.calls.setHead({ repo: 'team/app', repoId, head: 'refs/heads/a' });
    const seen = async ({ calls }: Pick<typeof first, 'calls'>) => [
      await calls.getRefs({ repo: 'team/app' }),
      await calls.getRepo({ name: 'team/app', includePacks: true }),
      await calls.getRepoLog({ repo: 'team/app' }),
      await calls.listRepos({ partitions: [0, 1, 2, 3] }),
    ];
    const before = await seen(first);
    await first.node.stop();
    expect(await seen(await sampleMetadata({ path: first.path }))).toEqual(before);
  });

  it('is not ready before its start, and says that it stops after its stop', async () => {
    const modules = {
      ...loneNode,
      topology: heldTopology(metadataCluster({ m1: '127.0.0.1:7501' })),
      clock: manualClock(),
      random: systemRandom,
      log: recordingLog(),
    };
    const node = new MetadataNode({ nodeId: 'm1', generationId: 1n, path: await temporaryFolder() }, modules);
    const calls = callsOf(node.handlers);
    const all = () => Object.values(calls).map((call) => call({}));
    expect(node.isReady).toBe(false);
    expect(node.repoCount()).toBe(0n);
    for (const answer of all()) await expect(answer).rejects.toMatchObject({ code: 'NOT_READY' });
    await node.start();
    expect(node.isReady).toBe(true);
    await node.stop();
    await node.stop();
    expect(node.isReady).toBe(false);
    for (const answer of all()) await expect(answer).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('implements every method of its two services', async () => {
    const { node } = await sampleMetadata();
    expect(Object.keys(node.service).sort()).toEqual(Object.keys(MetadataServiceService).sort());
    expect(Object.keys(node.replicationService).sort()).toEqual(Object.keys(ReplicationServiceService).sort());
  });

  it('answers what it has accepted before it stops', async () => {
    const { node, calls } = await sampleMetadata();
    const created = Array.from({ length: 20 }, (_, at) => calls.createRepo({ name: `a/${at}` }));
    await Promise.resolve(); // The handlers have begun; none has an answer yet.
    await node.stop();
    const settled = await Promise.allSettled(created);
    expect(new Set(settled.map(({ status }) => status))).toEqual(new Set(['fulfilled']));
  });

  it('counts the repositories that it is the primary of', async () => {
    const { node, calls, topology } = await sampleMetadata();
    for (let at = 0; at < 10; at += 1) await calls.createRepo({ name: `a/${at}` });
    const { repo } = await calls.getRepo({ name: 'a/3' });
    await calls.deleteRepo({ name: 'a/3', expectedId: repo?.id ?? '' });
    expect(node.repoCount()).toBe(9n);
    const addresses = { m1: '127.0.0.1:7501', m2: '127.0.0.1:7502' };
    topology.set(metadataCluster(addresses, { primaries: ['m2'], epoch: 2n }));
    expect(node.repoCount()).toBe(0n);
  });

  it('has all entries on disk in order, with the refused ones, and they make the whole state from nothing', async () => {
    const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1 }));
    const { calls, newRepo, node, path, clock } = await sampleMetadata({ topology });
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
    const racing = await Promise.allSettled([newRepo({ name: 'team/gone' }), newRepo({ name: 'team/gone' })]);
    expect(racing.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const { repo: other } = await calls.getRepo({ name: 'team/gone' });
    await calls.deleteRepo({ name: 'team/gone', expectedId: other?.id ?? '' });
    await node.stop();
    const { entries, state } = await readStoredPartition(path, 0);
    expect(entries.map(({ index, epoch, operation }) => [index, epoch, operation?.$case])).toEqual([
      [1n, 1n, 'createRepo'],
      [2n, 1n, 'updateRefs'],
      [3n, 1n, 'updateRefs'],
      [4n, 1n, 'setHead'],
      [5n, 1n, 'replacePacks'],
      [6n, 1n, 'createRepo'],
      [7n, 1n, 'createRepo'],
      [8n, 1n, 'deleteRepo'],
    ]);
    expect(replayed(0, entries)).toEqual(state);
  });

  it('logs each entry with the epoch that it is the primary of, which never falls', async () => {
    const inEpoch = (epoch: bigint) => metadataCluster({ m1: '127.0.0.1:7501' }, { partitions: 1, epoch });
    const topology = heldTopology(inEpoch(3n));
    const { calls, node, path, clock } = await sampleMetadata({ topology });
    await expect(calls.createRepo({ name: 'a/0' })).rejects.toMatchObject({ code: 'NOT_READY' });
    clock.advance(2_000);
    await calls.createRepo({ name: 'a/1' });
    for (const epoch of [4n, 3n]) topology.set(inEpoch(epoch));
    await calls.createRepo({ name: 'a/2' });
    await node.stop();
    expect((await readStoredPartition(path, 0)).entries.map(({ epoch }) => epoch)).toEqual([3n, 4n]);
  });
});
