import { describe, expect, it } from 'vitest';
import { command, pack } from '../sample-requests.ts';
import { sampleService } from '../sample-service.ts';
import { heldTopology, metadataCluster } from '../sample-topology.ts';

describe('GetRepo', () => {
  it('tells the packs, oldest first, only when asked for them', async () => {
    const { calls, newRepo, clock } = sampleService();
    const { id } = await newRepo();
    for (const number of [7, 3, 5]) {
      await calls.updateRefs({
        repo: 'team/app',
        repoId: id,
        commands: [command(`refs/heads/b${number}`, '', 'a')],
        packs: [pack(number)],
      });
    }
    const added = { addedAtMs: BigInt(clock.nowMs()) };
    const { repo, packs } = await calls.getRepo({ name: 'team/app', includePacks: true });
    expect(packs).toEqual([pack(7, added), pack(3, added), pack(5, added)]);
    expect(repo).toMatchObject({ packCount: 3n, packBytes: 3_000n, packsGeneration: 4n });
    expect((await calls.getRepo({ name: 'team/app' })).packs).toEqual([]);
  });

  it.each([
    ['a repository that is missing', 'team/none', 'REPO_NOT_FOUND'],
    ['a name that cannot be one', 'team//app', 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, name, code) => {
    const { calls } = sampleService();
    await expect(calls.getRepo({ name })).rejects.toMatchObject({ code });
  });

  it('is refused by a node that is not the primary, with a hint at who is', async () => {
    const { calls, topology } = sampleService();
    topology.set(metadataCluster({ m1: '127.0.0.1:7501', m2: '127.0.0.1:7502' }, { primaries: ['m2'], epoch: 3n }));
    await expect(calls.getRepo({ name: 'team/app' })).rejects.toMatchObject({
      code: 'NOT_PRIMARY',
      details: { primaryId: 'm2', primaryAddress: '127.0.0.1:7502', epoch: 3n },
    });
  });

  it('is not ready before there is a topology, or one that assigns the partitions', async () => {
    const { calls, topology } = sampleService({ topology: heldTopology(undefined) });
    await expect(calls.getRepo({ name: 'team/app' })).rejects.toMatchObject({ code: 'NOT_READY' });
    topology.set(metadataCluster({ m1: '127.0.0.1:7501' }, { epoch: 0n }));
    await expect(calls.getRepo({ name: 'team/app' })).rejects.toMatchObject({
      code: 'NOT_READY',
      details: { have: 0, need: 4 },
    });
  });
});
