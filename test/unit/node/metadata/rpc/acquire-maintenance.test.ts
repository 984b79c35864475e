import { describe, expect, it } from 'vitest';
import { sampleService } from '../sample-service.ts';

async function withRepo() {
  const { calls, newRepo, clock, partitions } = sampleService();
  const { id: repoId } = await newRepo();
  const acquire = (holder: string, ttlMs = 60_000n) => {
    return calls.acquireMaintenance({ repo: 'team/app', repoId, holder, ttlMs });
  };
  return { calls, clock, repoId, partitions, acquire, newRepo };
}

describe('AcquireMaintenance', () => {
  it('grants the lease to the first who asks, and tells the others who has it and until when', async () => {
    const { acquire, clock } = await withRepo();
    const expiresAtMs = BigInt(clock.nowMs()) + 60_000n;
    expect(await acquire('f1')).toEqual({ granted: true, holder: 'f1', expiresAtMs });
    clock.advance(1_000);
    expect(await acquire('f2')).toEqual({ granted: false, holder: 'f1', expiresAtMs });
  });

  it('renews it for its holder', async () => {
    const { acquire, clock } = await withRepo();
    await acquire('f1');
    clock.advance(50_000);
    expect(await acquire('f1')).toMatchObject({ granted: true, expiresAtMs: BigInt(clock.nowMs()) + 60_000n });
    clock.advance(59_999);
    expect(await acquire('f2')).toMatchObject({ granted: false, holder: 'f1' });
  });

  it('gives it to another when it has expired', async () => {
    const { acquire, clock } = await withRepo();
    await acquire('f1');
    clock.advance(60_000);
    expect(await acquire('f2')).toMatchObject({ granted: true, holder: 'f2' });
    expect(await acquire('f1')).toMatchObject({ granted: false, holder: 'f2' });
  });

  it('is one lease for each repository', async () => {
    const { acquire, calls, newRepo } = await withRepo();
    await acquire('f1');
    const { id: repoId } = await newRepo({ name: 'team/other' });
    const request = { repo: 'team/other', repoId, holder: 'f2', ttlMs: 1n };
    expect(await calls.acquireMaintenance(request)).toMatchObject({ granted: true });
  });

  it.each([
    ['nobody', { holder: '' }, 'INVALID_ARGUMENT'],
    ['a holder with too long a name', { holder: 'f'.repeat(257) }, 'INVALID_ARGUMENT'],
    ['no time', { ttlMs: 0n }, 'INVALID_ARGUMENT'],
    ['more than an hour', { ttlMs: 3_600_001n }, 'INVALID_ARGUMENT'],
    ['a repository that was made again', { repoId: 'a'.repeat(32) }, 'REPO_NOT_FOUND'],
  ])('refuses %s', async (_, changes, code) => {
    const { calls, repoId, acquire } = await withRepo();
    const request = { repo: 'team/app', repoId, holder: 'f1', ttlMs: 1_000n };
    await expect(calls.acquireMaintenance({ ...request, ...changes })).rejects.toMatchObject({ code });
    expect(await acquire('f2')).toMatchObject({ granted: true });
  });
});
