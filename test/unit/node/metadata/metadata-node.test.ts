import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataNode } from '../../../../src/node/metadata/metadata-node.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { callsOf, command, pack, sampleMetadata, temporaryFolder } from './sample-metadata.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';

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
      await calls.listRepos({}),
    ];
    const before = await seen(first);
    await first.node.stop();
    expect(await seen(await sampleMetadata({ path: first.path }))).toEqual(before);
  });

  it('is not ready before its start, and says that it stops after its stop', async () => {
    const modules = {
      topology: heldTopology(metadataCluster({ m1: '127.0.0.1:7501' })),
      clock: manualClock(),
      random: systemRandom,
      log: recordingLog(),
    };
    const node = new MetadataNode({ nodeId: 'm1', path: await temporaryFolder() }, modules);
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
    topology.set(metadataCluster({ m2: '127.0.0.1:7502' }));
    expect(node.repoCount()).toBe(0n);
    topology.set(undefined);
    expect(node.repoCount()).toBe(0n);
  });
});
