import { describe, expect, it } from 'vitest';
import { command, id } from '../sample-requests.ts';
import { sampleService } from '../sample-service.ts';

describe('GetRefs', () => {
  it('answers all refs in the byte order of their names', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    const names = [
      'refs/heads/b',
      'refs/heads/a-b',
      'refs/heads/a/b',
      'refs/heads/ａ',
      'refs/heads/😀',
      'refs/heads/B',
      'refs/tags/v1',
    ];
    await calls.updateRefs({
      repo: 'team/app',
      repoId: repo.id,
      commands: names.map((name) => command(name, '', name)),
    });
    const { refs } = await calls.getRefs({ repo: 'team/app' });
    const ordered = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(refs).toEqual(ordered.map((name) => ({ name, objectId: id(name), peeledId: '' })));
  });

  it('keeps what an annotated tag leads to', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    const tag = { ...command('refs/tags/v1', '', 'tag'), newPeeledId: id('commit') };
    await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands: [tag] });
    expect((await calls.getRefs({ repo: 'team/app' })).refs).toEqual([
      { name: 'refs/tags/v1', objectId: id('tag'), peeledId: id('commit') },
    ]);
  });

  it('says "not modified" only to a caller with this repository’s generation', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    const asked = { repo: 'team/app', ifRepoId: repo.id, ifGenerationNot: repo.refsGeneration };
    expect(await calls.getRefs(asked)).toEqual({ notModified: true, repo, refs: [] });
    expect(await calls.getRefs({ ...asked, ifRepoId: 'e'.repeat(32) })).toMatchObject({ notModified: false });
    expect(await calls.getRefs({ ...asked, ifRepoId: '' })).toMatchObject({ notModified: false });
    await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands: [command('refs/heads/main', '', 'a')] });
    expect(await calls.getRefs(asked)).toMatchObject({ notModified: false, refs: [{ name: 'refs/heads/main' }] });
  });

  it('shows every update that was answered, and HEAD with them', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    let last = '';
    for (const next of ['a', 'b', 'c']) {
      await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands: [command('refs/heads/main', last, next)] });
      expect((await calls.getRefs({ repo: 'team/app' })).refs).toEqual([
        { name: 'refs/heads/main', objectId: id(next), peeledId: '' },
      ]);
      last = next;
    }
    await calls.setHead({ repo: 'team/app', repoId: repo.id, head: 'refs/heads/next' });
    expect((await calls.getRefs({ repo: 'team/app' })).repo).toMatchObject({
      head: 'refs/heads/next',
      refsGeneration: 5n,
    });
  });

  it('answers only refs with one of the prefixes, and the generation of all', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    const names = ['refs/heads/a', 'refs/heads/ab', 'refs/heads/b', 'refs/tags/a', 'refs/tags/v1'];
    const commands = names.map((name) => command(name, '', name));
    await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands });
    const read = async (...prefixes: string[]) =>
      (await calls.getRefs({ repo: 'team/app', prefixes })).refs.map(({ name }) => name);
    expect(await read('refs/tags/', 'refs/heads/a')).toEqual([
      'refs/heads/a',
      'refs/heads/ab',
      'refs/tags/a',
      'refs/tags/v1',
    ]);
    expect(await read('refs/heads/b', 'refs/heads/b', 'nothing')).toEqual(['refs/heads/b']);
    expect(await read('')).toEqual(names);
    const { repo: now } = await calls.getRefs({ repo: 'team/app', prefixes: ['refs/tags/v1'] });
    expect(now).toMatchObject({ refsGeneration: 2n, refCount: 5n });
    const asked = { repo: 'team/app', prefixes: ['x'], ifRepoId: repo.id, ifGenerationNot: 2n };
    expect(await calls.getRefs(asked)).toMatchObject({ notModified: true });
  });

  it.each([
    ['too many prefixes', Array.from({ length: 65_537 }, () => 'refs/')],
    ['an absurd prefix', ['r'.repeat(1_025)]],
  ])('refuses %s', async (_, prefixes) => {
    const { calls, newRepo } = sampleService();
    await newRepo();
    await expect(calls.getRefs({ repo: 'team/app', prefixes })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'prefixes' },
    });
  });

  it('gives each caller a list of its own', async () => {
    const { calls, newRepo } = sampleService();
    const repo = await newRepo();
    await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands: [command('refs/heads/main', '', 'a')] });
    (await calls.getRefs({ repo: 'team/app' })).refs.length = 0;
    expect((await calls.getRefs({ repo: 'team/app' })).refs).toHaveLength(1);
  });

  it.each([
    ['a missing repository', 'team/none', 'REPO_NOT_FOUND'],
    ['a name that cannot be one', 'app', 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, repo, code) => {
    const { calls } = sampleService();
    await expect(calls.getRefs({ repo })).rejects.toMatchObject({ code });
  });
});
