import { describe, expect, it } from 'vitest';
import { command, pack } from '../sample-requests.ts';
import { sampleService } from '../sample-service.ts';

async function withPacks() {
  const { calls, newRepo } = sampleService();
  const { id: repoId } = await newRepo();
  await calls.updateRefs({
    repo: 'team/app',
    repoId,
    commands: [command('refs/heads/a', '', 'a')],
    packs: [pack(1), pack(2)],
  });
  const packNames = async () => {
    const { repo, packs } = await calls.getRepo({ name: 'team/app', includePacks: true });
    return { names: packs.map(({ name }) => name), repo };
  };
  return { calls, repoId, packNames };
}

describe('ReplacePacks', () => {
  it('takes packs away and adds others, in one step', async () => {
    const { calls, repoId, packNames } = await withPacks();
    const request = {
      repo: 'team/app',
      repoId,
      remove: [pack(1).name],
      add: [pack(9, { packSize: 50n })],
      expectedGeneration: 2n,
    };
    expect(await calls.replacePacks(request)).toEqual({ packsGeneration: 3n });
    const { names, repo } = await packNames();
    expect(names).toEqual([pack(2).name, pack(9).name]);
    expect(repo).toMatchObject({ packCount: 2n, packBytes: 1_050n, packsGeneration: 3n, refsGeneration: 2n });
  });

  it.each([
    ['the list has changed since', { expectedGeneration: 1n, remove: [pack(1).name] }],
    ['a pack to be removed is not there', { expectedGeneration: 2n, remove: [pack(1).name, pack(8).name] }],
  ])('is a conflict when %s, and changes nothing', async (_, changes) => {
    const { calls, repoId, packNames } = await withPacks();
    const before = await packNames();
    await expect(calls.replacePacks({ repo: 'team/app', repoId, add: [pack(9)], ...changes })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
    });
    expect(await packNames()).toEqual(before);
  });

  it('lets a pack be replaced by one of the same name', async () => {
    const { calls, repoId, packNames } = await withPacks();
    const add = [pack(1, { bitmapOid: Buffer.alloc(32, 9), bitmapSize: 7n })];
    await calls.replacePacks({ repo: 'team/app', repoId, remove: [pack(1).name], add, expectedGeneration: 2n });
    expect((await packNames()).names).toEqual([pack(2).name, pack(1).name]);
    await calls.replacePacks({ repo: 'team/app', repoId, remove: [pack(1).name], expectedGeneration: 3n });
    expect((await packNames()).names).toEqual([pack(2).name]);
  });

  it('gives the same answer again when the last one is repeated, also after pushes', async () => {
    const { calls, repoId, packNames } = await withPacks();
    const request = { repo: 'team/app', repoId, remove: [pack(1).name], add: [pack(9)], expectedGeneration: 2n };
    const first = await calls.replacePacks(request);
    const commands = [command('refs/heads/b', '', 'a')];
    await calls.updateRefs({ repo: 'team/app', repoId, commands, packs: [pack(5)] });
    const before = await packNames();
    expect(await calls.replacePacks(request)).toEqual(first);
    expect(await packNames()).toEqual(before);
  });

  it.each([
    ['adds other packs', { add: [pack(9, { packSize: 1n })] }],
    ['removes other packs', { remove: [pack(2).name] }],
    ['was based on another generation', { expectedGeneration: 1n }],
  ])('is no repetition when it %s', async (_, changes) => {
    const { calls, repoId } = await withPacks();
    const request = { repo: 'team/app', repoId, remove: [pack(1).name], add: [pack(9)], expectedGeneration: 2n };
    await calls.replacePacks(request);
    await expect(calls.replacePacks({ ...request, ...changes })).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
  });

  it('is a conflict when it is repeated after another one', async () => {
    const { calls, repoId } = await withPacks();
    const request = { repo: 'team/app', repoId, remove: [pack(1).name], add: [pack(9)], expectedGeneration: 2n };
    await calls.replacePacks(request);
    await calls.replacePacks({ ...request, remove: [pack(9).name], add: [pack(1)], expectedGeneration: 3n });
    await expect(calls.replacePacks(request)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
  });

  it('counts a pack that is removed twice once', async () => {
    const { calls, repoId, packNames } = await withPacks();
    const remove = [pack(1).name, pack(1).name];
    await calls.replacePacks({ repo: 'team/app', repoId, remove, expectedGeneration: 2n });
    expect((await packNames()).repo).toMatchObject({ packCount: 1n, packBytes: 1_000n });
  });

  it.each([
    ['a repository that was made again', { repoId: 'a'.repeat(32) }, 'REPO_NOT_FOUND'],
    ['a pack without content', { add: [pack(3, { packOid: Buffer.alloc(0) })] }, 'INVALID_ARGUMENT'],
    ['a pack without an index', { add: [pack(3, { indexOid: Buffer.alloc(31) })] }, 'INVALID_ARGUMENT'],
    ['to remove what no pack is called, and no key can be', { remove: ['a'.repeat(6_000)] }, 'INVALID_ARGUMENT'],
    ['a pack whose size fits into no sum', { add: [pack(3, { packSize: 2n ** 63n })] }, 'INVALID_ARGUMENT'],
    ['a pack with a path for a name', { add: [pack(3, { name: '../../etc' })] }, 'INVALID_ARGUMENT'],
    [
      'another content under a name that is there',
      { add: [pack(2, { packOid: Buffer.alloc(32, 77) })] },
      'INVALID_ARGUMENT',
    ],
    ['too many packs at once', { remove: Array.from({ length: 100_001 }, () => pack(1).name) }, 'TOO_LARGE'],
  ])('refuses %s', async (_, changes, code) => {
    const { calls, repoId, packNames } = await withPacks();
    const before = await packNames();
    await expect(
      calls.replacePacks({ repo: 'team/app', repoId, expectedGeneration: 2n, ...changes }),
    ).rejects.toMatchObject({ code });
    expect(await packNames()).toEqual(before);
  });
});
