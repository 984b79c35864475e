import { describe, expect, it } from 'vitest';
import { encodePageToken } from '../../../../../src/client/metadata-page-token.ts';
import { type Calls, sampleMetadata } from '../sample-metadata.ts';
import { heldTopology, metadataCluster } from '../sample-topology.ts';

async function allNames(calls: Calls, prefix: string, pageSize: number): Promise<string[][]> {
  const pages: string[][] = [];
  let pageToken = '';
  do {
    const page = await calls.listRepos({ prefix, pageSize, pageToken });
    pages.push(page.repos.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return pages;
}

describe('ListRepos', () => {
  it('lists by name over all partitions, page after page, each repository once', async () => {
    const { calls } = await sampleMetadata();
    const names = Array.from({ length: 25 }, (_, at) => `team/app-${String(at).padStart(2, '0')}`);
    await Promise.all(names.toReversed().map((name) => calls.createRepo({ name })));
    for (const pageSize of [1, 7, 25, 100]) {
      const pages = await allNames(calls, '', pageSize);
      expect(pages.flat()).toEqual(names);
      expect(pages.every((page) => page.length <= pageSize)).toBe(true);
    }
  });

  it('lists only names that begin with the prefix', async () => {
    const { calls } = await sampleMetadata();
    for (const name of ['a/x', 'ab/x', 'a/y/z', 'b/x']) await calls.createRepo({ name });
    expect((await allNames(calls, 'a/', 1)).flat()).toEqual(['a/x', 'a/y/z']);
    expect((await allNames(calls, 'zzz', 1)).flat()).toEqual([]);
  });

  it('goes on behind the last name even when that repository is gone', async () => {
    const { calls } = await sampleMetadata();
    for (const name of ['a/1', 'a/2', 'a/3']) await calls.createRepo({ name });
    const first = await calls.listRepos({ pageSize: 2 });
    await calls.deleteRepo({ name: 'a/2', expectedId: first.repos[1]?.id ?? '' });
    const second = await calls.listRepos({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ repos: [{ name: 'a/3' }], nextPageToken: '' });
  });

  it('lists only partitions that this node is the primary of', async () => {
    const { calls, topology } = await sampleMetadata();
    for (let at = 0; at < 20; at += 1) await calls.createRepo({ name: `a/${at}` });
    topology.set(metadataCluster({ m1: '127.0.0.1:7501', m2: '127.0.0.1:7502' }));
    const { repos } = await calls.listRepos({});
    expect(new Set(repos.map(({ partition }) => partition))).toEqual(new Set([0, 2]));
  });

  it.each([
    ['a page that is too large', { pageSize: 1_001 }, 'page_size'],
    ['a token of somebody else’s making', { pageToken: 'x' }, 'page_token'],
    ['a token that says nothing', { pageToken: encodePageToken('') }, 'page_token'],
    ['an absurd token', { pageToken: 'a'.repeat(100_000) }, 'page_token'],
    ['an absurd prefix', { prefix: 'a'.repeat(10_000) }, 'prefix'],
  ])('refuses %s', async (_, request, field) => {
    const { calls } = await sampleMetadata();
    await expect(calls.listRepos(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  it('says that it is not ready rather than that there are none', async () => {
    const { calls } = await sampleMetadata({ topology: heldTopology(undefined) });
    await expect(calls.listRepos({})).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});
