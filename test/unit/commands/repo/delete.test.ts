import { describe, expect, it } from 'vitest';
import { manualClock } from '../../base/manual-clock.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { deletedAtMs } from '../../cli/fake-metadata.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';

const id = 'a'.repeat(32);

function cluster(): FakeCluster {
  const fake = new FakeCluster();
  fake.addRepo('team/app', { id, refCount: 3n, packBytes: 2_048n });
  return fake;
}

const remove = (fake: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['repo', 'delete', ...argv], {
    connect: fake.connect,
    clock: manualClock(Number(deletedAtMs)),
    ...world,
  });

describe('stratum repo delete', () => {
  it('deletes the repository, and tells until when it can be restored', async () => {
    const fake = cluster();
    const { exitCode, stdout, stderr } = await remove(fake, ['team/app', '--confirm', 'team/app', '-o', 'json']);
    expect(exitCode).toBe(0);
    const times = { deletedAt: '2023-11-14T22:13:20.000Z', purgeAt: '2023-11-21T22:13:20.000Z' };
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'DeletedRepo', items: [{ name: 'team/app', id, ...times }] });
    expect(stderr).toContain(`until 2023-11-21T22:13:20.000Z "stratum repo restore ${id}" brings it back`);
    expect(fake.repos.size).toBe(0);
    expect([...fake.repositories.deleted.keys()]).toEqual([id]);
  });

  it.each([
    ['30d', '2023-12-14T22:13:20.000Z'],
    ['1h30m', '2023-11-14T23:43:20.000Z'],
  ])('keeps it for %s when asked', async (grace, until) => {
    const argv = ['team/app', '--grace', grace, '--confirm', 'team/app', '--field', 'purgeAt'];
    expect((await remove(cluster(), argv)).stdout).toBe(`${until}\n`);
  });

  it('deletes it for good without a grace', async () => {
    const fake = cluster();
    const { exitCode, stderr } = await remove(fake, ['team/app', '--grace', '0s', '--confirm', 'team/app']);
    expect({ exitCode, kept: fake.repositories.deleted.size }).toEqual({ exitCode: 0, kept: 0 });
    expect(stderr).toContain('team/app is deleted for good');
  });

  it('has nothing to do when there is no such repository', async () => {
    const { exitCode, stdout, stderr } = await remove(cluster(), ['team/gone']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('there is no repository team/gone: nothing to do');
  });

  it.each([
    ['nothing, without a terminal', [], {}, 9],
    ['another name', ['--confirm', 'team/ap'], {}, 9],
    ['a mere yes', [], { terminal: true, stdin: 'y\n' }, 9],
    ['its name', [], { terminal: true, stdin: 'team/app\n' }, 0],
  ])('is confirmed by the name alone: %s', async (_what, argv, world, exitCode) => {
    const fake = cluster();
    const result = await remove(fake, ['team/app', ...argv], world);
    expect({ exitCode: result.exitCode, isThere: fake.repos.size }).toEqual({
      exitCode,
      isThere: exitCode === 0 ? 0 : 1,
    });
    expect(result.stderr).toContain('team/app');
  });

  it.each([
    ['team/app', true, 'would delete team/app: it can be restored for 7d'],
    ['team/gone', false, 'there is no repository team/gone: nothing to do'],
  ])('changes nothing in a dry run of %s', async (name, changes, detail) => {
    const fake = cluster();
    const { exitCode, stdout } = await remove(fake, [name, '--dry-run', '-o', 'json']);
    expect({ exitCode, isThere: fake.repos.size }).toEqual({ exitCode: 0, isThere: 1 });
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ action: 'repo delete', target: name, changes, detail }] });
  });

  it.each([
    [['nonsense'], 2],
    [['team/app', '--grace', 'soon'], 2],
  ])('refuses %j', async (argv, exitCode) => {
    expect(await remove(cluster(), argv)).toMatchObject({ exitCode, stdout: '' });
  });
});
