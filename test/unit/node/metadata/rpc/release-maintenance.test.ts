import { describe, expect, it } from 'vitest';
import { sampleService } from '../sample-service.ts';

async function withLease() {
  const { calls, newRepo } = sampleService();
  const { id: repoId } = await newRepo();
  const acquire = (holder: string) => calls.acquireMaintenance({ repo: 'team/app', repoId, holder, ttlMs: 60_000n });
  const release = (holder: string) => calls.releaseMaintenance({ repo: 'team/app', repoId, holder });
  await acquire('f1');
  return { calls, acquire, release };
}

describe('ReleaseMaintenance', () => {
  it('frees the lease for the next who asks', async () => {
    const { acquire, release } = await withLease();
    expect(await release('f1')).toEqual({ released: true });
    expect(await acquire('f2')).toMatchObject({ granted: true, holder: 'f2' });
  });

  it('does nothing for whoever does not have it, also late and again', async () => {
    const { acquire, release } = await withLease();
    expect(await release('f2')).toEqual({ released: false });
    expect(await acquire('f2')).toMatchObject({ granted: false, holder: 'f1' });
    await release('f1');
    await acquire('f2');
    expect(await release('f1')).toEqual({ released: false });
    expect(await acquire('f3')).toMatchObject({ granted: false, holder: 'f2' });
  });

  it.each([
    ['nobody', { holder: '' }, 'INVALID_ARGUMENT'],
    ['a repository that was made again', { repoId: 'a'.repeat(32) }, 'REPO_NOT_FOUND'],
  ])('refuses %s', async (_, changes, code) => {
    const { calls, acquire } = await withLease();
    const request = { repo: 'team/app', repoId: '', holder: 'f1' };
    await expect(calls.releaseMaintenance({ ...request, ...changes })).rejects.toMatchObject({ code });
    expect(await acquire('f2')).toMatchObject({ granted: false, holder: 'f1' });
  });
});
