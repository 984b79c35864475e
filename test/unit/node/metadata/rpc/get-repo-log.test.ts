import { describe, expect, it } from 'vitest';
import { encodePageToken } from '../../../../../src/client/metadata-page-token.ts';
import type { RefCommand } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { command, id, zero } from '../sample-requests.ts';
import { sampleService } from '../sample-service.ts';

describe('GetRepoLog', () => {
  it('tells who changed what when, newest first', async () => {
    const { calls, newRepo, clock } = sampleService();
    const { id: repoId } = await newRepo();
    const push = { repo: 'team/app', repoId, actor: 'ada', pushId: Buffer.alloc(16, 1) };
    const createdAtMs = BigInt(clock.nowMs());
    await calls.updateRefs({ ...push, commands: [command('refs/heads/a', '', 'a'), command('refs/heads/b', '', 'b')] });
    clock.advance(5_000);
    await calls.updateRefs({ ...push, pushId: Buffer.alloc(16, 2), commands: [command('refs/heads/a', 'a', '')] });
    const { entries, nextPageToken } = await calls.getRepoLog({ repo: 'team/app' });
    const common = { epoch: 1n, actor: 'ada' };
    expect(entries).toEqual([
      {
        ...common,
        index: 3n,
        atMs: createdAtMs + 5_000n,
        ref: 'refs/heads/a',
        oldId: id('a'),
        newId: zero,
        pushId: Buffer.alloc(16, 2),
      },
      {
        ...common,
        index: 2n,
        atMs: createdAtMs,
        ref: 'refs/heads/b',
        oldId: zero,
        newId: id('b'),
        pushId: Buffer.alloc(16, 1),
      },
      {
        ...common,
        index: 2n,
        atMs: createdAtMs,
        ref: 'refs/heads/a',
        oldId: zero,
        newId: id('a'),
        pushId: Buffer.alloc(16, 1),
      },
    ]);
    expect(nextPageToken).toBe('');
  });

  it.each([
    [10, 3],
    [600, 100],
    [600, 1_000],
  ])('goes on from a page to the next within a push of %d refs, %d a page', async (refs, pageSize) => {
    const { calls, newRepo } = sampleService();
    const { id: repoId } = await newRepo();
    const push = async (prefix: string) => {
      const names = Array.from({ length: refs }, (_, at) => `refs/heads/${prefix}${at}`);
      const commands = names.map((name) => command(name, '', 'a'));
      await calls.updateRefs({ repo: 'team/app', repoId, commands });
      return names;
    };
    const pushed = [...(await push('a')), ...(await push('b'))];
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await calls.getRepoLog({ repo: 'team/app', pageSize, pageToken });
      expect(page.entries.length).toBeLessThanOrEqual(pageSize);
      seen.push(...page.entries.map(({ ref }) => ref));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(pushed.toReversed());
  });

  it('tells only what happened to one ref, page after page, also behind many changes of others', async () => {
    const { calls, newRepo } = sampleService();
    const { id: repoId } = await newRepo();
    const push = (commands: RefCommand[]) => calls.updateRefs({ repo: 'team/app', repoId, commands });
    const many = Array.from({ length: 25_000 }, (_, at) => command(`refs/heads/x${at}`, '', '1'));
    await push([command('refs/heads/a', '', '1')]);
    await push(many);
    for (const at of [2, 3, 4]) await push([command('refs/heads/a', `${at - 1}`, `${at}`)]);
    const seen: string[] = [];
    let pages = 0;
    let pageToken = '';
    do {
      const page = await calls.getRepoLog({ repo: 'team/app', pageSize: 2, ref: 'refs/heads/a', pageToken });
      expect(page.entries.length).toBeLessThanOrEqual(2);
      seen.push(...page.entries.map(({ newId }) => newId));
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== '');
    expect(seen).toEqual(['4', '3', '2', '1'].map(id));
    expect(pages).toBeGreaterThan(2);
    expect(await calls.getRepoLog({ repo: 'team/app', ref: 'refs/heads/none', pageSize: 1_000 })).toMatchObject({
      entries: [],
    });
  });

  it('leaves out what changed nothing', async () => {
    const { calls, newRepo } = sampleService();
    const { id: repoId } = await newRepo();
    await calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/a', 'wrong', 'a')] });
    expect((await calls.getRepoLog({ repo: 'team/app' })).entries).toEqual([]);
  });

  it.each([
    ['a missing repository', { repo: 'team/none' }, 'REPO_NOT_FOUND'],
    ['a token of another listing', { pageToken: encodePageToken('team/app') }, 'INVALID_ARGUMENT'],
    ['a page that is too large', { pageSize: 100_000 }, 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, request, code) => {
    const { calls, newRepo } = sampleService();
    await newRepo();
    await expect(calls.getRepoLog({ repo: 'team/app', ...request })).rejects.toMatchObject({ code });
  });
});
