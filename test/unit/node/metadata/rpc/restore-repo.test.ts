import { describe, expect, it } from 'vitest';
import { command, id as objectId } from '../sample-requests.ts';
import { nameIn, sampleService } from '../sample-service.ts';

const day = 86_400_000;

async function withDeleted(graceMs?: bigint) {
  const sample = sampleService();
  const { calls } = sample;
  const name = nameIn(0);
  const { id } = await sample.newRepo({ name });
  await calls.updateRefs({ repo: name, repoId: id, commands: [command('refs/heads/main', '', 'a')] });
  const { repo: before } = await calls.getRepo({ name });
  await calls.deleteRepo({ name, expectedId: id, ...(graceMs === undefined ? {} : { graceMs }) });
  return { ...sample, name, id, before };
}

describe('RestoreRepo', () => {
  it('brings a repository back as it was, under its name, within seven days', async () => {
    const { calls, id, name, before, clock } = await withDeleted();
    clock.advance(7 * day - 1);
    expect(await calls.restoreRepo({ id, home: 0 })).toEqual({ repo: before });
    expect(await calls.getRefs({ repo: name })).toMatchObject({
      repo: before,
      refs: [{ name: 'refs/heads/main', objectId: objectId('a') }],
    });
    const { repos } = await calls.listRepos({ partitions: [0], deleted: true });
    expect(repos).toEqual([]);
  });

  it.each([
    ['leads to its partition', 0],
    ['leads elsewhere', 2],
  ])('brings it back under another name that %s', async (_, partition) => {
    const { calls, id, name, newRepo } = await withDeleted();
    const other = await newRepo({ name });
    await expect(calls.restoreRepo({ id, home: 0 })).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    const newName = nameIn(partition, 5);
    const { repo } = await calls.restoreRepo({ id, name, newName });
    expect(repo).toMatchObject({ id, name: newName, partition: 0 });
    expect((await calls.getRepo({ name: newName, home: 0 })).repo).toEqual(repo);
    expect((await calls.getRepo({ name })).repo).toEqual(other);
  });

  it('brings one back that was deleted under a name that leads elsewhere, and its name was free meanwhile', async () => {
    const { calls, newRepo } = sampleService();
    const { id, name } = await newRepo({ name: nameIn(0) });
    const newName = nameIn(1);
    await calls.renameRepo({ name, expectedId: id, newName });
    await calls.deleteRepo({ name: newName, expectedId: id, home: 0 });
    const second = await newRepo({ name: newName });
    await calls.deleteRepo({ name: newName, expectedId: second.id });
    expect((await calls.restoreRepo({ id, home: 0 })).repo).toMatchObject({ id, name: newName, partition: 0 });
    await expect(newRepo({ name: newName })).rejects.toMatchObject({ code: 'REPO_EXISTS' });
  });

  it('can be asked for again under the name that it has got', async () => {
    const { calls, id, name } = await withDeleted();
    const first = await calls.restoreRepo({ id, home: 0, name });
    expect(await calls.restoreRepo({ id, home: 0, name })).toEqual(first);
  });

  it.each([
    ['one whose time is over', undefined, 7 * day],
    ['one that was deleted for good', 0n, 0],
    ['one that was kept for a second', 1_000n, 1_000],
  ])('refuses %s', async (_, graceMs, waitMs) => {
    const { calls, id, name, clock } = await withDeleted(graceMs);
    clock.advance(waitMs);
    for (const newName of ['', nameIn(0, 4), nameIn(1)]) {
      await expect(calls.restoreRepo({ id, name, newName })).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    }
  });

  it.each([
    ['an id that is none', { id: 'x' }, 'INVALID_ARGUMENT'],
    ['an id that nobody has', { id: 'e'.repeat(32) }, 'REPO_NOT_FOUND'],
    ['a name with tricks', { newName: 'a/../b' }, 'INVALID_ARGUMENT'],
    ['no place to look for it', { home: undefined }, 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, changes, code) => {
    const { calls, id } = await withDeleted();
    await expect(calls.restoreRepo({ id, home: 0, ...changes })).rejects.toMatchObject({ code });
  });
});
