import { describe, expect, it } from 'vitest';
import { command, pack, sampleMetadata } from '../sample-metadata.ts';

describe('DeleteRepo', () => {
  it('removes the repository with all that belongs to it', async () => {
    const { calls, newRepo } = await sampleMetadata();
    const { id } = await newRepo();
    await calls.updateRefs({
      repo: 'team/app',
      repoId: id,
      commands: [command('refs/heads/main', '', 'a')],
      packs: [pack(1)],
    });
    expect(await calls.deleteRepo({ name: 'team/app', expectedId: id })).toEqual({ deleted: true });
    for (const gone of [calls.getRepo({ name: 'team/app' }), calls.getRefs({ repo: 'team/app' })]) {
      await expect(gone).rejects.toMatchObject({ code: 'REPO_NOT_FOUND', details: { id: 'team/app' } });
    }
    expect((await calls.listRepos({})).repos).toEqual([]);
  });

  it('leaves nothing behind for a repository that is made again under the name', async () => {
    const { calls, newRepo } = await sampleMetadata();
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

  it('is success for a repository that is not there, so that it can be repeated', async () => {
    const { calls } = await sampleMetadata();
    expect(await calls.deleteRepo({ name: 'team/app', expectedId: 'a' })).toEqual({ deleted: false });
  });

  it('does not touch another repository of the same name', async () => {
    const { calls, newRepo } = await sampleMetadata();
    const repo = await newRepo();
    await expect(calls.deleteRepo({ name: 'team/app', expectedId: 'f'.repeat(32) })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { expected: 'f'.repeat(32), current: repo.id },
    });
    expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(repo);
  });

  it('needs the id that the decision was based on', async () => {
    const { calls, newRepo } = await sampleMetadata();
    await newRepo();
    await expect(calls.deleteRepo({ name: 'team/app' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'expected_id' },
    });
  });
});
