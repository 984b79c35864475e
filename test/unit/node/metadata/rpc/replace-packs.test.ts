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
    ['allows that packs were added', { allowAdded: true }],
    ['was based on refs', { expectedRefsGeneration: 2n }],
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

  describe('with allow_added', () => {
    const swap = { repo: 'team/app', remove: [pack(1).name, pack(2).name], add: [pack(9)], expectedGeneration: 2n };
    const pushTo = ({ calls, repoId }: Awaited<ReturnType<typeof withPacks>>, number: number) =>
      calls.updateRefs({
        repo: 'team/app',
        repoId,
        commands: [command(`refs/heads/b${number}`, '', 'a')],
        packs: [pack(number)],
      });

    it('goes through although a push has added a pack, which stays listed', async () => {
      const sample = await withPacks();
      await pushTo(sample, 5);
      const request = { ...swap, repoId: sample.repoId };
      await expect(sample.calls.replacePacks(request)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
      expect(await sample.calls.replacePacks({ ...request, allowAdded: true })).toEqual({ packsGeneration: 4n });
      expect((await sample.packNames()).names).toEqual([pack(5).name, pack(9).name]);
    });

    it('gives the same answer when it is repeated, also after further pushes', async () => {
      const sample = await withPacks();
      await pushTo(sample, 5);
      const request = { ...swap, repoId: sample.repoId, allowAdded: true };
      const first = await sample.calls.replacePacks(request);
      await pushTo(sample, 6);
      const before = await sample.packNames();
      expect(await sample.calls.replacePacks(request)).toEqual(first);
      expect(await sample.packNames()).toEqual(before);
    });

    it('is a conflict when a pack that shall go has gone by another change', async () => {
      const sample = await withPacks();
      const { calls, repoId } = sample;
      const other = { repo: 'team/app', repoId, remove: [pack(1).name], add: [pack(8)], expectedGeneration: 2n };
      await calls.replacePacks({ ...other, allowAdded: true });
      const before = await sample.packNames();
      const request = { ...swap, repoId, allowAdded: true };
      await expect(calls.replacePacks(request)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
      expect(await sample.packNames()).toEqual(before);
    });

    it.each([
      ['an older list than the one it was based on', { expectedGeneration: 3n }, 'VERSION_CONFLICT'],
      ['nothing that is replaced', { remove: [] }, 'INVALID_ARGUMENT'],
    ])('refuses %s', async (_, changes, code) => {
      const sample = await withPacks();
      const before = await sample.packNames();
      const request = { ...swap, repoId: sample.repoId, allowAdded: true, ...changes };
      await expect(sample.calls.replacePacks(request)).rejects.toMatchObject({ code });
      expect(await sample.packNames()).toEqual(before);
    });

    it('drops nothing that a push could build on: what was checked against an older list is accepted', async () => {
      const sample = await withPacks();
      const { calls, repoId } = sample;
      await calls.replacePacks({ ...swap, repoId, allowAdded: true });
      const commands = [command('refs/heads/b', '', 'a')];
      const push = { repo: 'team/app', repoId, commands, packsGeneration: 2n };
      expect((await calls.updateRefs(push)).results).toMatchObject([{ updated: true }]);
    });
  });

  it('is a conflict when the refs have changed since, where it was based on them', async () => {
    const { calls, repoId, packNames } = await withPacks();
    const request = { repo: 'team/app', repoId, remove: [pack(1).name], expectedGeneration: 2n };
    await calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/b', '', 'a')] });
    const before = await packNames();
    await expect(calls.replacePacks({ ...request, expectedRefsGeneration: 2n })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { expected: '2', current: '3' },
    });
    expect(await packNames()).toEqual(before);
    expect(await calls.replacePacks({ ...request, expectedRefsGeneration: 3n })).toEqual({ packsGeneration: 3n });
  });

  it.each([
    [2n, false],
    [3n, true],
    [undefined, true],
  ])(
    'a push that was checked against list %s after a drop made list 3: accepted is %s',
    async (packsGeneration, accepted) => {
      const { calls, repoId } = await withPacks();
      await calls.replacePacks({ repo: 'team/app', repoId, remove: [pack(1).name], expectedGeneration: 2n });
      const commands = [command('refs/heads/b', '', 'a')];
      const push = { repo: 'team/app', repoId, commands, pushId: Buffer.alloc(16, 3) };
      const answer = calls.updateRefs(packsGeneration === undefined ? push : { ...push, packsGeneration });
      if (accepted) expect((await answer).results).toMatchObject([{ updated: true }]);
      else await expect(answer).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
    },
  );

  it('keeps a bundle’s header and the mark of unreachable objects with the pack', async () => {
    const { calls, repoId } = await withPacks();
    const marks = { bundleHeaderOid: Buffer.alloc(32, 4), bundleHeaderSize: 99n, unreachable: true };
    await calls.replacePacks({ repo: 'team/app', repoId, add: [pack(9, marks)], expectedGeneration: 2n });
    const { packs } = await calls.getRepo({ name: 'team/app', includePacks: true });
    expect(packs.at(-1)).toMatchObject(marks);
    expect(packs[0]?.bundleHeaderOid).toBeUndefined();
    const short = pack(10, { bundleHeaderOid: Buffer.alloc(31) });
    const request = { repo: 'team/app', repoId, add: [short], expectedGeneration: 3n };
    await expect(calls.replacePacks(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
