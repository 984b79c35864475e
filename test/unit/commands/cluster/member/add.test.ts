import { describe, expect, it } from 'vitest';
import { FakeCluster, sampleReport } from '../../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../../cli/run-command.ts';

const env = { STRATUM_ACTOR: 'ada' };

function threeMembers(reachable = 3): FakeCluster {
  const cluster = new FakeCluster();
  const members = sampleReport(1).members.map((member, index) => ({ ...member, reachable: index < reachable }));
  cluster.reports = [sampleReport(1, { members })];
  return cluster;
}

const add = (cluster: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['cluster', 'member', 'add', ...argv], { connect: cluster.connect, env, ...world });

describe('stratum cluster member add', () => {
  it('adds a member with who and why, and says how it is started', async () => {
    const cluster = threeMembers();
    const result = await add(cluster, ['coordinator-4=10.0.0.4:2380', '--reason', 'a fourth machine']);
    expect(cluster.changes).toEqual(['add coordinator-4=10.0.0.4:2380 by ada: a fourth machine']);
    expect(result).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('coordinator-4\t10.0.0.4:2380\t\tno\t'),
    });
    expect(result.stderr).toContain('cluster cluster-a, version 14\n');
    const peers = 'coordinator-1=10.0.0.1:2380,coordinator-2=10.0.0.2:2380,coordinator-3=10.0.0.3:2380';
    expect(result.stderr).toContain(`--id coordinator-4 --peers ${peers},coordinator-4=10.0.0.4:2380 --data-dir`);
  });

  it('says so when it is a member already, and that is no error', async () => {
    const { exitCode, stderr } = await add(threeMembers(), ['coordinator-2=10.0.0.2:2380']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('coordinator-2 is a member already');
  });

  it('knows a member again that has never been started and has no name yet', async () => {
    const cluster = threeMembers();
    const [report = sampleReport(1)] = cluster.reports ?? [];
    const unnamed = { id: 'x:2380', engineId: 'e4', address: 'x:2380', reachable: false, leader: false, error: 'new' };
    cluster.reports = [{ ...report, members: [...report.members, unnamed] }];
    const { stderr } = await add(cluster, ['coordinator-4=x:2380', '--dry-run']);
    expect(stderr).toContain('coordinator-4 is a member already: nothing to do');
  });

  it('asks when the cluster would stand still until the new member runs', async () => {
    const cluster = threeMembers(2);
    const refused = await add(cluster, ['coordinator-4=10.0.0.4:2380']);
    expect(refused).toMatchObject({ exitCode: 9, stderr: expect.stringContaining('3 of 4 members must then run') });
    expect(cluster.changes).toEqual([]);
    expect(await add(cluster, ['coordinator-4=10.0.0.4:2380', '--yes'])).toMatchObject({ exitCode: 0 });
    expect(cluster.changes).toHaveLength(1);
  });

  it('adds nothing in a dry run', async () => {
    const cluster = threeMembers();
    const { exitCode, stderr } = await add(cluster, ['coordinator-4=10.0.0.4:2380', '--dry-run']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    expect(stderr).toContain('would be added to 3 members');
  });

  it.each([
    ['a new member', 'coordinator-4=10.0.0.4:2380', true, 4],
    ['one that is there', 'coordinator-2=10.0.0.2:2380', false, 3],
  ])('gives a program the plan for %s', async (_what, member, changes, count) => {
    const cluster = threeMembers();
    const { stdout } = await add(cluster, [member, '--dry-run', '-o', 'json']);
    const [target, address] = member.split('=');
    const { kind, items } = JSON.parse(stdout);
    expect({ kind, changed: cluster.changes }).toEqual({ kind: 'Plan', changed: [] });
    expect(items).toMatchObject([{ action: 'member add', target, changes }]);
    expect(items[0].before.members).toHaveLength(3);
    expect(items[0].after.members).toHaveLength(count);
    expect(items[0].after.members).toContainEqual({ id: target, address });
    expect((await add(cluster, [member, '--dry-run', '-o', 'name'])).stdout).toBe(`member/${target}\n`);
  });

  it('does not pretend that an embedded coordinator has members', async () => {
    const cluster = new FakeCluster();
    expect(await add(cluster, ['coordinator-4=10.0.0.4:2380', '--dry-run'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('--peers'),
    });
  });

  it.each(['coordinator-4', '=10.0.0.4:2380', 'a b=10.0.0.4:2380', 'coordinator-4=10.0.0.4', 'coordinator-4=x:0'])(
    'refuses %j',
    async (member) => {
      const cluster = threeMembers();
      expect(await add(cluster, [member])).toMatchObject({ exitCode: 2, stdout: '' });
      expect(cluster.changes).toEqual([]);
    },
  );
});
