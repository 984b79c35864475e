import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';

const id = (digit: string) => digit.repeat(32);

/** team/app was deleted once, team/twice two times and then made again. */
async function cluster(): Promise<FakeCluster> {
  const fake = new FakeCluster();
  const wasDeleted = [
    ['team/app', id('a')],
    ['team/twice', id('b')],
    ['team/twice', id('c')],
  ] as const;
  for (const [name, expectedId] of wasDeleted) {
    fake.addRepo(name, { id: expectedId, refCount: 2n });
    await fake.repositories.deleteRepo({ name, expectedId });
  }
  fake.addRepo('team/twice', { id: id('d') });
  return fake;
}

const restore = (fake: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['repo', 'restore', ...argv], { connect: fake.connect, ...world });

describe('stratum repo restore', () => {
  it.each([
    ['its name', 'team/app', 'team/app', id('a'), []],
    ['its id', id('a'), 'team/app', id('a'), []],
    ['its id, under another name', id('b'), 'team/first', id('b'), ['--name', 'team/first']],
  ])('brings a repository back by %s', async (_what, given, name, repoId, argv) => {
    const fake = await cluster();
    const { exitCode, stdout, stderr } = await restore(fake, [given, ...argv, '--yes', '-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Repo', items: [{ name, id: repoId }] });
    expect(stderr).toContain(`${name} is back`);
    expect(fake.repos.get(name)?.repo.id).toBe(repoId);
  });

  it('has nothing to do when the repository of that id is there', async () => {
    const fake = await cluster();
    const result = await restore(fake, [id('d'), '-o', 'name']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'repo/team/twice\n' });
    expect(result.stderr).toContain('team/twice is there already');
  });

  it.each([
    ['without a terminal', {}, 9, 3],
    ['when the answer is yes', { terminal: true, stdin: 'y\n' }, 0, 2],
  ])('needs a confirmation: %s', async (_what, world, exitCode, left) => {
    const fake = await cluster();
    const result = await restore(fake, ['team/app'], world);
    expect({ exitCode: result.exitCode, left: fake.repositories.deleted.size }).toEqual({ exitCode, left });
    expect(result.stderr).toContain(`Restore ${id('a')} as team/app (2 refs, kept until 2023-11-21T22:13:20.000Z)?`);
  });

  it('changes nothing in a dry run', async () => {
    const fake = await cluster();
    const { exitCode, stdout } = await restore(fake, ['team/app', '--dry-run', '-o', 'json']);
    expect({ exitCode, left: fake.repositories.deleted.size }).toEqual({ exitCode: 0, left: 3 });
    expect(JSON.parse(stdout)).toMatchObject({
      items: [{ action: 'repo restore', target: 'team/app', changes: true }],
    });
  });

  it.each([
    ['what was not deleted', ['team/none'], 3, /repo list --deleted/],
    ['an id that nobody had', [id('9')], 3, /repo list --deleted/],
    ['a name that several had', ['team/twice'], 2, /give the id/],
    ['a name that is taken', [id('b')], 8, /team\/twice exists/],
    ['a bad new name', [id('b'), '--name', 'x'], 2, /--name|no owner/],
  ])('refuses %s', async (_what, argv, exitCode, message) => {
    const fake = await cluster();
    const result = await restore(fake, [...argv, '--yes']);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(fake.repositories.deleted.size).toBe(3);
  });
});
