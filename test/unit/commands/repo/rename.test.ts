import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';

function cluster(): FakeCluster {
  const fake = new FakeCluster();
  fake.addRepo('team/app', { id: 'a'.repeat(32), refCount: 3n });
  fake.addRepo('team/other', { id: 'b'.repeat(32) });
  return fake;
}

const rename = (fake: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['repo', 'rename', ...argv], { connect: fake.connect, ...world });

describe('stratum repo rename', () => {
  it('gives the repository its new name, and prints it', async () => {
    const fake = cluster();
    const { exitCode, stdout, stderr } = await rename(fake, ['team/app', 'team/new', '--yes', '-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Repo', items: [{ name: 'team/new', id: 'a'.repeat(32) }] });
    expect(stderr).toMatch(/cluster cluster-a, version 14\nteam\/app is team\/new now\n$/);
    expect([...fake.repos.keys()]).toEqual(['team/other', 'team/new']);
  });

  it('has nothing to do when that has been done', async () => {
    const fake = cluster();
    const result = await rename(fake, ['team/gone', 'team/other', '-o', 'name']);
    const stderr = expect.stringContaining('there is no team/gone, and team/other is there: nothing to do');
    expect(result).toMatchObject({ exitCode: 0, stdout: 'repo/team/other\n', stderr });
  });

  it.each([
    ['without a terminal', {}, 9, true],
    ['when the answer is no', { terminal: true, stdin: 'n\n' }, 9, true],
    ['when the answer is yes', { terminal: true, stdin: 'y\n' }, 0, false],
  ])('needs a confirmation: %s', async (_what, world, exitCode, isThere) => {
    const fake = cluster();
    const result = await rename(fake, ['team/app', 'team/new'], world);
    expect({ exitCode: result.exitCode, isThere: fake.repos.has('team/app') }).toEqual({ exitCode, isThere });
    expect(result.stderr).toContain('Rename team/app (3 refs) to team/new?');
  });

  it('changes nothing in a dry run', async () => {
    const fake = cluster();
    const { exitCode, stdout, stderr } = await rename(fake, ['team/app', 'team/new', '--dry-run', '-o', 'json']);
    expect({ exitCode, isThere: fake.repos.has('team/app') }).toEqual({ exitCode: 0, isThere: true });
    expect(stderr).toContain('would rename team/app to team/new');
    const item = { action: 'repo rename', target: 'team/app', changes: true, after: { name: 'team/new' } };
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Plan', dryRun: true, items: [item] });
  });

  it.each([
    ['a repository that there is not', ['team/x', 'team/y'], 3, /no repository team\/x/],
    ['a name that is taken', ['team/app', 'team/other'], 8, /team\/other already/],
    ['the name that it has', ['team/app', 'team/app.git'], 2, /is the name that it has/],
    ['a name with tricks', ['team/app', '../etc/passwd'], 2, /has a segment that/],
    ['no new name', ['team/app'], 2, /name/],
  ])('refuses %s', async (_what, argv, exitCode, message) => {
    const fake = cluster();
    const result = await rename(fake, [...argv, '--yes']);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(fake.repos.size).toBe(2);
  });
});
