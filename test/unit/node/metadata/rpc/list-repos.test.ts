import { describe, expect, it } from 'vitest';
import { encodePageToken } from '../../../../../src/client/metadata-page-token.ts';
import type { ListReposRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { Calls } from '../sample-requests.ts';
import { allPartitions, nameIn, repoOf, sampleService } from '../sample-service.ts';
import { heldTopology, metadataCluster } from '../sample-topology.ts';

async function allNames(
  calls: Calls,
  prefix: string,
  pageSize: number,
  query: Partial<ListReposRequest> = {},
): Promise<string[][]> {
  const pages: string[][] = [];
  let pageToken = '';
  do {
    const page = await calls.listRepos({ prefix, pageSize, pageToken, partitions: allPartitions, ...query });
    pages.push(page.repos.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return pages;
}

describe('ListRepos', () => {
  it('lists by name over all partitions, page after page, each repository once', async () => {
    const { calls } = sampleService();
    const names = Array.from({ length: 25 }, (_, at) => `team/app-${String(at).padStart(2, '0')}`);
    await Promise.all(names.toReversed().map((name) => calls.createRepo({ name })));
    for (const pageSize of [1, 7, 25, 100]) {
      const pages = await allNames(calls, '', pageSize);
      expect(pages.flat()).toEqual(names);
      expect(pages.every((page) => page.length <= pageSize)).toBe(true);
    }
  });

  it('lists only names that begin with the prefix', async () => {
    const { calls } = sampleService();
    for (const name of ['a/x', 'ab/x', 'a/y/z', 'b/x']) await calls.createRepo({ name });
    expect((await allNames(calls, 'a/', 1)).flat()).toEqual(['a/x', 'a/y/z']);
    expect((await allNames(calls, 'zzz', 1)).flat()).toEqual([]);
  });

  it('goes on behind the last name even when that repository is gone', async () => {
    const { calls } = sampleService();
    for (const name of ['a/1', 'a/2', 'a/3']) await calls.createRepo({ name });
    const first = await calls.listRepos({ pageSize: 2, partitions: allPartitions });
    await calls.deleteRepo({ name: 'a/2', expectedId: first.repos[1]?.id ?? '' });
    const second = await calls.listRepos({
      pageSize: 2,
      pageToken: first.nextPageToken,
      partitions: allPartitions,
    });
    expect(second).toMatchObject({ repos: [{ name: 'a/3' }], nextPageToken: '' });
  });

  it('lists only the partitions that it is asked for, each once', async () => {
    const { calls } = sampleService();
    const names = [nameIn(0), nameIn(2), nameIn(3)];
    for (const name of names) await calls.createRepo({ name });
    const { repos } = await calls.listRepos({ partitions: [2, 0, 2] });
    expect(repos.map(({ name }) => name)).toEqual([nameIn(0), nameIn(2)].sort());
  });

  it('refuses when it does not serve one of them, rather than leave its repositories out', async () => {
    const { calls, topology } = sampleService();
    topology.set(metadataCluster({ m1: '127.0.0.1:7501', m2: '127.0.0.1:7502' }, { epoch: 5n }));
    await expect(calls.listRepos({ partitions: [0, 1] })).rejects.toMatchObject({
      code: 'NOT_PRIMARY',
      details: { partition: 1, primaryAddress: '127.0.0.1:7502', epoch: 5n },
    });
    expect(await calls.listRepos({ partitions: [0, 2] })).toMatchObject({ repos: [] });
  });

  it('lists deleted repositories by name and id, page after page, while they can be restored', async () => {
    const { calls, clock } = sampleService();
    const ids: string[] = [];
    for (const name of ['a/x', 'a/x', 'a/x', 'a/w', 'b/x']) {
      const { id } = repoOf(await calls.createRepo({ name }));
      await calls.deleteRepo({ name, expectedId: id, graceMs: name === 'a/w' ? 1_000n : 9_000n });
      ids.push(id);
    }
    await calls.createRepo({ name: 'a/x' });
    for (const pageSize of [1, 2, 10]) {
      const names = (await allNames(calls, 'a/', pageSize, { deleted: true })).flat();
      expect(names).toEqual(['a/w', 'a/x', 'a/x', 'a/x']);
    }
    const { repos } = await calls.listRepos({ deleted: true, partitions: allPartitions });
    expect(repos.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(repos[0]).toMatchObject({
      deletedAtMs: BigInt(clock.nowMs()),
      purgeAtMs: BigInt(clock.nowMs()) + 1_000n,
    });
    clock.advance(1_000);
    expect((await allNames(calls, 'a/', 10, { deleted: true })).flat()).toEqual(['a/x', 'a/x', 'a/x']);
    expect((await allNames(calls, '', 10)).flat()).toEqual(['a/x']);
  });

  it.each([
    ['a page that is too large', { pageSize: 1_001 }, 'page_size'],
    ['a token of somebody else’s making', { pageToken: 'x' }, 'page_token'],
    ['a token that says nothing', { pageToken: encodePageToken('') }, 'page_token'],
    ['an absurd token', { pageToken: 'a'.repeat(100_000) }, 'page_token'],
    ['no partition', { partitions: [] }, 'partitions'],
    ['an absurd prefix', { prefix: 'a'.repeat(10_000) }, 'prefix'],
  ])('refuses %s', async (_, request, field) => {
    const { calls } = sampleService();
    await expect(calls.listRepos({ partitions: allPartitions, ...request })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    });
  });

  it('says that it is not ready rather than that there are none', async () => {
    const { calls } = sampleService({ topology: heldTopology(undefined) });
    await expect(calls.listRepos({ partitions: [0] })).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});
