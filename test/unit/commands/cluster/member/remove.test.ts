import { describe, expect, it } from 'vitest';
import { FakeCluster, sampleReport } from '../../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../../cli/run-command.ts';

function threeMembers(): FakeCluster {
  const cluster = new FakeCluster();
  cluster.reports = [sampleReport(1)];
  return cluster;
}

const remove = (cluster: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['cluster', 'member', 'remove', ...argv], {
    connect: cluster.connect,
    env: { STRATUM_ACTOR: 'ada' },
    ...world,
  });

describe('stratum cluster member remove', () => {
  it('removes a member with --yes, and records who and why', async () => {
    const cluster = threeMembers();
    const result = await remove(cluster, ['coordinator-3', '--yes', '--reason', 'gone', '-o', 'name']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'member/coordinator-1\nmember/coordinator-2\n' });
    expect(cluster.changes).toEqual(['remove coordinator-3 by ada: gone']);
  });

  it.each([
    ['without a terminal', {}, 9, 0],
    ['when the answer is no', { terminal: true, stdin: 'n\n' }, 9, 0],
    ['when the answer is yes', { terminal: true, stdin: 'y\n' }, 0, 1],
  ])('needs a confirmation: %s', async (_what, world, exitCode, changes) => {
    const cluster = threeMembers();
    const result = await remove(cluster, ['coordinator-3'], world);
    expect({ exitCode: result.exitCode, changes: cluster.changes.length }).toEqual({ exitCode, changes });
    expect(result.stderr).toContain('2 members are left, of which 2 answer and 2 must');
  });

  it('has nothing to do for what is no member, and guesses what was meant', async () => {
    const cluster = threeMembers();
    const { exitCode, stderr } = await remove(cluster, ['coordinator-33']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    expect(stderr).toMatch(/coordinator-33 is no member: nothing to do\ndid you mean "coordinator-3"/);
  });

  it('removes nothing in a dry run', async () => {
    const cluster = threeMembers();
    const { exitCode, stderr } = await remove(cluster, ['coordinator-3', '--dry-run']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    expect(stderr).toContain('would remove coordinator-3');
  });

  it.each([
    ['a member', 'coordinator-3', true, ['coordinator-1', 'coordinator-2']],
    ['what is none', 'coordinator-9', false, ['coordinator-1', 'coordinator-2', 'coordinator-3']],
  ])('gives a program the plan for %s', async (_what, target, changes, left) => {
    const cluster = threeMembers();
    const { stdout } = await remove(cluster, [target, '--dry-run', '-o', 'json']);
    const { kind, items } = JSON.parse(stdout);
    expect({ kind, changed: cluster.changes }).toEqual({ kind: 'Plan', changed: [] });
    expect(items).toMatchObject([{ action: 'member remove', target, changes }]);
    expect(items[0].before.members).toHaveLength(3);
    expect(items[0].after.members.map(({ id }: { id: string }) => id)).toEqual(left);
  });

  it('refuses an id that is none', async () => {
    expect(await remove(threeMembers(), ['a b'])).toMatchObject({ exitCode: 2, stdout: '' });
  });
});
