import { describe, expect, it } from 'vitest';
import { purgeCache } from '../../../../../src/node/frontend/rpc/purge-cache.ts';
import { sampleCall, sampleControl } from '../sample-control.ts';

describe('PurgeCache', () => {
  it.each([
    ['', undefined],
    ['team/app', 'team/app'],
  ])('drops what is stored of "%s"', async (repo, name) => {
    const { control, modules } = sampleControl();
    const response = await purgeCache(modules)({ repo, repositories: true, dryRun: false }, sampleCall());
    const counts = { entries: 1n, entryBytes: 2n, repositories: 3n, repositoryBytes: 4n };
    expect(response).toEqual({ nodeId: 'frontend-1', ...counts });
    expect(control.asked).toEqual([{ repo: name, repositories: true, dryRun: false }]);
  });

  it('refuses a name that cannot be one, rather than to drop everything', async () => {
    const { control, modules } = sampleControl();
    const request = { repo: '.git', repositories: false, dryRun: false };
    await expect(purgeCache(modules)(request, sampleCall())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(control.asked).toEqual([]);
  });
});
