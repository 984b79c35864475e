import { describe, expect, it } from 'vitest';
import { command, pack } from '../sample-requests.ts';
import { allPartitions, nameIn, sampleService } from '../sample-service.ts';

describe('DeleteRepo', () => {
  it('takes the repository away, and all that is read of it', async () => {
    const { calls, newRepo } = sampleService();
    const { id } = await newRepo();
    await calls.updateRefs({
      repo: 'team/app',
      repoId: id,
      commands: [command('refs/heads/main', '', 'a')],
      packs: [pack(1)],
    });
    expect(await calls.deleteRepo({ name: 'team/app', expectedId: id })).toMatchObject({ deleted: true });
    for (const gone of [calls.getRepo({ name: 'team/app' }), calls.getRefs({ repo: 'team/app' })]) {
      await expect(gone).rejects.toMatchObject({ code: 'REPO_NOT_FOUND', details: { id: 'team/app' } });
    }
    expect((await calls.listRepos({ partitions: allPartitions })).repos).toEqual([]);
  });

  it('leaves nothing behind for a repository that is made again under the name', async () => {
    const { calls, newRepo } = sampleService();
    const first = await newRepo();
    await calls.updateRefs({
      repo: 'team/app',
      repoId: first.id,
      commands: [command('refs/heads/main', '', 'a')],
      packs: [pack(1)],
    });
    await calls.deleteRepo({ name: 'team/app', expectedId: first.id });
    const second = await newRepo();
    expect(second.id).not.toBe(first.id);
    expect(await calls.getRepo({ name: 'team/app', includePacks: true })).toEqual({ repo: second, packs: [] });
    expect((await calls.getRefs({ repo: 'team/app' })).refs).toEqual([]);
    expect((await calls.getRepoLog({ repo: 'team/app' })).entries).toEqual([]);
  });

  it.each([
    ['seven days unless told otherwise', undefined, 7n * 86_400_000n],
    ['as long as told', 5_000n, 5_000n],
    ['not at all', 0n, 0n],
    ['a hundred years at the most', 2n ** 64n - 1n, 36_500n * 86_400_000n],
  ])('frees the name at once and keeps the repository for its grace time: %s', async (_, graceMs, keptMs) => {
    const { calls, newRepo, clock } = sampleService();
    const { id } = await newRepo();
    const request = { name: 'team/app', expectedId: id, ...(graceMs === undefined ? {} : { graceMs }) };
    const purgeAtMs = BigInt(clock.nowMs()) + keptMs;
    expect(await calls.deleteRepo(request)).toEqual({ deleted: true, purgeAtMs });
    const second = await newRepo();
    expect(second.id).not.toBe(id);
    const { repos } = await calls.listRepos({ deleted: true, partitions: allPartitions });
    expect(repos).toMatchObject(keptMs === 0n ? [] : [{ id, name: 'team/app', purgeAtMs }]);
  });

  it('gives the same answer when it is repeated, also after the name was taken again', async () => {
    const { calls, newRepo, clock } = sampleService();
    const { id } = await newRepo();
    const first = await calls.deleteRepo({ name: 'team/app', expectedId: id });
    clock.advance(1_000);
    expect(await calls.deleteRepo({ name: 'team/app', expectedId: id })).toEqual(first);
    const second = await newRepo();
    expect(await calls.deleteRepo({ name: 'team/app', expectedId: id })).toEqual(first);
    expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(second);
  });

  it('frees a name that leads elsewhere, there too', async () => {
    const { calls, newRepo } = sampleService();
    const { id } = await newRepo({ name: nameIn(0) });
    const newName = nameIn(1);
    await calls.renameRepo({ name: nameIn(0), expectedId: id, newName });
    await calls.deleteRepo({ name: newName, expectedId: id, home: 0 });
    await expect(calls.getRepo({ name: newName })).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    expect((await newRepo({ name: newName })).partition).toBe(1);
  });

  it('says of a partition that is named that the repository is not there: it may be elsewhere', async () => {
    const { calls } = sampleService();
    await expect(calls.deleteRepo({ name: nameIn(1), expectedId: 'a', home: 0 })).rejects.toMatchObject({
      code: 'REPO_NOT_FOUND',
    });
  });

  it('is success for a repository that is not there, so that it can be repeated', async () => {
    const { calls } = sampleService();
    expect(await calls.deleteRepo({ name: 'team/app', expectedId: 'a' })).toEqual({ deleted: false });
  });

  it('does not touch another repository of the same name', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    await expect(calls.deleteRepo({ name: 'team/app', expectedId: 'f'.repeat(32) })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { expected: 'f'.repeat(32), current: repo.id },
    });
    expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(repo);
  });

  it('needs the id that the decision was based on', async () => {
    const { calls, newRepo } = sampleService();
    await newRepo();
    await expect(calls.deleteRepo({ name: 'team/app' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'expected_id' },
    });
  });
});
