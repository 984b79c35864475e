import { describe, expect, it } from 'vitest';
import { sampleService } from '../sample-service.ts';

describe('SetHead', () => {
  it('points HEAD at a branch that need not exist, and raises the generation once', async () => {
    const { calls, newRepo } = sampleService();
    const { id: repoId } = await newRepo();
    for (let times = 0; times < 2; times += 1) {
      const { repo } = await calls.setHead({ repo: 'team/app', repoId, head: 'refs/heads/trunk' });
      expect(repo).toMatchObject({ head: 'refs/heads/trunk', refsGeneration: 2n });
      expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(repo);
    }
  });

  it.each([
    ['nothing', '', 'INVALID_ARGUMENT'],
    ['a tag', 'refs/tags/v1', 'INVALID_ARGUMENT'],
    ['a name that git refuses', 'refs/heads/a b', 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, head, code) => {
    const { calls, newRepo } = sampleService();
    const { id: repoId } = await newRepo();
    await expect(calls.setHead({ repo: 'team/app', repoId, head })).rejects.toMatchObject({
      code,
      details: { field: 'head' },
    });
  });

  it('refuses a repository that was deleted and made again', async () => {
    const { calls, newRepo } = sampleService();
    const first = await newRepo();
    await calls.deleteRepo({ name: 'team/app', expectedId: first.id });
    const second = await newRepo();
    const request = { repo: 'team/app', repoId: first.id, head: 'refs/heads/x' };
    await expect(calls.setHead(request)).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(second);
  });
});
