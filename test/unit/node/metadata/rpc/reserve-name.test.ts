import { describe, expect, it } from 'vitest';
import { nameIn, sampleService } from '../sample-service.ts';

const token = Buffer.alloc(16, 1);
const request = { name: nameIn(1), repoId: '1'.repeat(32), home: 0, token };

describe('ReserveName', () => {
  it('keeps a name for a repository elsewhere: who looks for it is sent there', async () => {
    const { calls } = sampleService();
    for (let times = 0; times < 2; times += 1) expect(await calls.reserveName(request)).toEqual({});
    await expect(calls.getRepo({ name: request.name })).rejects.toMatchObject({
      code: 'REPO_MOVED',
      details: { partition: 0 },
    });
  });

  it('refuses a name that a repository has', async () => {
    const { calls, newRepo } = sampleService();
    await newRepo({ name: request.name });
    await expect(calls.reserveName(request)).rejects.toMatchObject({ code: 'REPO_EXISTS' });
  });

  it('takes a name over that is kept for a rename that nobody knows of', async () => {
    const { calls } = sampleService();
    await calls.reserveName({ ...request, home: 2 });
    await calls.reserveName({ ...request, token: Buffer.alloc(16, 2) });
    await expect(calls.getRepo({ name: request.name })).rejects.toMatchObject({ details: { partition: 0 } });
  });

  it('does nothing, and says so, while the partition that it is kept for does not answer', async () => {
    const names = {
      reserveName: () => Promise.reject(new Error('not asked')),
      releaseName: () => Promise.reject(new Error('not asked')),
      confirmName: () => Promise.reject(new Error('nobody there')),
    };
    const { calls } = sampleService({ names });
    await calls.reserveName(request);
    const other = { ...request, token: Buffer.alloc(16, 2), home: 3 };
    for (const call of [calls.reserveName(other), calls.createRepo({ name: request.name })]) {
      await expect(call).rejects.toMatchObject({
        code: 'NOT_READY',
        message: expect.stringContaining('nobody there'),
      });
    }
    await expect(calls.getRepo({ name: request.name })).rejects.toMatchObject({ details: { partition: 0 } });
  });

  it.each([
    ['a name with tricks', { name: 'x' }, 'name'],
    ['a short token', { token: Buffer.alloc(2) }, 'token'],
    ['an id that is none', { repoId: 'x' }, 'repo_id'],
  ])('refuses %s', async (_, changes, field) => {
    const { calls } = sampleService();
    await expect(calls.reserveName({ ...request, ...changes })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    });
  });
});
