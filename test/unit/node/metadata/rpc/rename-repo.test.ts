import { describe, expect, it } from 'vitest';
import { intentKeptMs } from '../../../../../src/node/metadata/state-machine/name-rows.ts';
import { command, id as objectId, pack } from '../sample-requests.ts';
import { allPartitions, nameIn, sampleService } from '../sample-service.ts';

/** Partitions that the old and the new name lead to. */
const ways = [
  ['within its partition', 0, 0],
  ['to a name that leads elsewhere', 0, 1],
] as const;

async function withRepo(partition = 0) {
  const sample = sampleService();
  const name = nameIn(partition);
  const repo = await sample.newRepo({ name });
  const commands = [command('refs/heads/main', '', 'a')];
  await sample.calls.updateRefs({ repo: name, repoId: repo.id, commands, packs: [pack(1)] });
  const namesNow = async () => {
    const { repos } = await sample.calls.listRepos({ partitions: allPartitions });
    return repos.map((each) => each.name);
  };
  return { ...sample, name, repo, expectedId: repo.id, namesNow };
}

describe('RenameRepo', () => {
  it.each(ways)('gives a repository another name, %s, with all that is in it', async (_, from, to) => {
    const { calls, name, expectedId, namesNow } = await withRepo(from);
    const newName = nameIn(to, 5);
    const { repo } = await calls.renameRepo({ name, expectedId, newName });
    expect(repo).toMatchObject({ name: newName, id: expectedId, partition: from, refCount: 1n, packCount: 1n });
    expect(await namesNow()).toEqual([newName]);
    const refs = await calls.getRefs({ repo: newName, home: from });
    expect(refs).toMatchObject({ repo, refs: [{ name: 'refs/heads/main', objectId: objectId('a') }] });
    expect((await calls.getRepo({ name: newName, home: from, includePacks: true })).packs).toHaveLength(1);
    await expect(calls.getRepo({ name })).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
  });

  it('sends who asks where the name leads on to where the repository is', async () => {
    const { calls, name, expectedId } = await withRepo(0);
    const newName = nameIn(3);
    await calls.renameRepo({ name, expectedId, newName });
    const asked = { repo: newName, repoId: expectedId };
    for (const refused of [
      calls.getRepo({ name: newName }),
      calls.getRefs({ repo: newName }),
      calls.getRepoLog({ repo: newName }),
      calls.setHead({ ...asked, head: 'refs/heads/x' }),
      calls.replacePacks(asked),
      calls.updateRefs({ ...asked, commands: [command('refs/heads/x', '', 'a')] }),
      calls.deleteRepo({ name: newName, expectedId }),
      calls.renameRepo({ name: newName, expectedId, newName: 'a/b' }),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'REPO_MOVED', details: { partition: 0 } });
    }
  });

  it.each(ways)('refuses a name that is taken, %s, and changes nothing', async (_, from, to) => {
    const { calls, name, expectedId, repo, newRepo, namesNow } = await withRepo(from);
    const taken = nameIn(to, 5);
    await newRepo({ name: taken });
    await expect(calls.renameRepo({ name, expectedId, newName: taken })).rejects.toMatchObject({
      code: 'REPO_EXISTS',
      details: { id: taken },
    });
    expect((await calls.getRepo({ name })).repo).toMatchObject({ name, id: repo.id });
    expect((await namesNow()).sort()).toEqual([name, taken].sort());
    // It can be renamed to another one at once.
    await calls.renameRepo({ name, expectedId, newName: nameIn(to, 6) });
  });

  it.each([
    [0, 1],
    [1, 2],
    [2, 0],
  ])('refuses a name that a repository from elsewhere has (%d, %d)', async (home, to) => {
    const { calls, newRepo, clock } = sampleService();
    const newName = nameIn(to, 5);
    const moved = await newRepo({ name: nameIn(home) });
    await calls.renameRepo({ name: moved.name, expectedId: moved.id, newName });
    clock.advance(Number(intentKeptMs) * 2);
    const other = await newRepo({ name: nameIn(3) });
    for (const taken of [
      calls.createRepo({ name: newName }),
      calls.renameRepo({ name: other.name, expectedId: other.id, newName }),
    ]) {
      await expect(taken).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    }
  });

  it('frees the old name, wherever it led', async () => {
    const { calls, name, expectedId, newRepo, namesNow } = await withRepo(0);
    const names = [name, nameIn(1), nameIn(2), nameIn(0, 7)];
    for (const [at, newName] of names.entries()) {
      await calls.renameRepo({ name: names[at - 1] ?? name, expectedId, newName, home: 0 });
    }
    for (const free of names.slice(0, -1)) await newRepo({ name: free });
    expect((await namesNow()).sort()).toEqual(names.toSorted());
  });

  it('is success for one that has the name, so that it can be asked for again', async () => {
    const { calls, name, expectedId } = await withRepo(0);
    for (const newName of [name, nameIn(1), nameIn(0, 7)]) {
      const renamed = await calls.renameRepo({ name, expectedId, newName, home: 0 });
      expect(await calls.renameRepo({ name, expectedId, newName, home: 0 })).toEqual(renamed);
      await calls.renameRepo({ name: newName, expectedId, newName: name, home: 0 });
    }
  });

  it('goes on with the token of a try that was broken off, and keeps others away until then', async () => {
    const { calls, partitions, name, expectedId, newRepo, clock } = await withRepo(0);
    const newName = nameIn(1, 5);
    const value = { repoId: expectedId, name, newName, token: Buffer.alloc(16, 1) };
    const options = { bytes: 1, signal: new AbortController().signal };
    await partitions.submit<'beginRename'>(0, { $case: 'beginRename', value }, options);
    await calls.reserveName({ name: newName, repoId: expectedId, home: 0, token: value.token });
    await expect(newRepo({ name: newName })).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    for (const other of [nameIn(0, 9), nameIn(2)]) {
      await expect(calls.renameRepo({ name, expectedId, newName: other })).rejects.toMatchObject({
        code: 'VERSION_CONFLICT',
        details: { current: newName },
      });
    }
    clock.advance(Number(intentKeptMs));
    const { repo } = await calls.renameRepo({ name, expectedId, newName });
    expect(repo).toMatchObject({ name: newName });
    expect(await calls.confirmName({ ...value, name: newName, home: 0 })).toEqual({ held: true });
  });

  it('leaves a name that was broken off to whoever wants it after five minutes', async () => {
    const { calls, partitions, name, expectedId, newRepo, clock } = await withRepo(0);
    const newName = nameIn(1, 5);
    const value = { repoId: expectedId, name, newName, token: Buffer.alloc(16, 1) };
    const options = { bytes: 1, signal: new AbortController().signal };
    await partitions.submit<'beginRename'>(0, { $case: 'beginRename', value }, options);
    await calls.reserveName({ name: newName, repoId: expectedId, home: 0, token: value.token });
    clock.advance(Number(intentKeptMs) + 1);
    const other = await newRepo({ name: newName });
    expect((await calls.getRepo({ name: newName })).repo).toEqual(other);
    const commit = { repoId: expectedId, token: value.token, newName };
    await expect(
      partitions.submit<'commitRename'>(0, { $case: 'commitRename', value: commit }, options),
    ).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
  });

  it.each([
    ['a repository that is not there', { name: 'team/none' }, 'REPO_NOT_FOUND'],
    ['a repository that was made again', { expectedId: 'f'.repeat(32) }, 'REPO_NOT_FOUND'],
    ['no id', { expectedId: '' }, 'INVALID_ARGUMENT'],
    ['a name with tricks', { newName: '../x' }, 'INVALID_ARGUMENT'],
    ['a name with .git', { newName: 'team/x.git' }, 'INVALID_ARGUMENT'],
    ['an old name with tricks', { name: 'a//b' }, 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, changes, code) => {
    const { calls, name, expectedId, namesNow } = await withRepo();
    const request = { name, expectedId, newName: nameIn(1, 5), ...changes };
    await expect(calls.renameRepo(request)).rejects.toMatchObject({ code });
    expect(await namesNow()).toEqual([name]);
  });
});
