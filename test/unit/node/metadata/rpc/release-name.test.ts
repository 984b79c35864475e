import { describe, expect, it } from 'vitest';
import { nameIn, sampleService } from '../sample-service.ts';

const token = Buffer.alloc(16, 1);
const name = nameIn(1);

describe('ReleaseName', () => {
  it('gives up a name that is kept under the token, and nothing under another one', async () => {
    const { calls } = sampleService();
    await calls.reserveName({ name, repoId: '1'.repeat(32), home: 0, token });
    expect(await calls.releaseName({ name, token: Buffer.alloc(16, 2) })).toEqual({ released: false });
    await expect(calls.getRepo({ name })).rejects.toMatchObject({ code: 'REPO_MOVED' });
    expect(await calls.releaseName({ name, token })).toEqual({ released: true });
    expect(await calls.releaseName({ name, token })).toEqual({ released: false });
    await expect(calls.getRepo({ name })).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
  });

  it.each([
    ['a name with tricks', { name: 'x', token }],
    ['no token', { name }],
  ])('refuses %s', async (_, request) => {
    const { calls } = sampleService();
    await expect(calls.releaseName(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
