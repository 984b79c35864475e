import { describe, expect, it } from 'vitest';
import type { FakeCluster } from '../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';
import { clusterWithFrontends } from '../../cli/several-frontends.ts';

const purge = (cluster: FakeCluster, argv: readonly string[], world: CommandWorld = {}) =>
  runCommand(['cache', 'purge', ...argv], { connect: cluster.connect, ...world });

const callsOf = (cluster: FakeCluster) => ['frontend-1', 'frontend-2'].map((id) => cluster.frontend(id).calls);

const target = '127.0.0.1:7480, cluster cluster-a, version 14\n';

describe('stratum cache purge', () => {
  it('drops the responses of a repository on every frontend', async () => {
    const cluster = clusterWithFrontends(2);
    const { exitCode, stdout, stderr } = await purge(cluster, ['team/app', '--yes']);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'frontend-1\t2\t2.0 KiB\t0\t0 B\nfrontend-2\t2\t2.0 KiB\t0\t0 B\n',
    });
    expect(stderr).toBe(`${target}dropped 4 responses (4.0 KiB) of team/app on 2 frontends\n`);
    expect(callsOf(cluster)).toEqual([['purge team/app'], ['purge team/app']]);
  });

  it('drops everything of one frontend, cached repositories too', async () => {
    const cluster = clusterWithFrontends(2);
    const argv = ['--repositories', '--frontend', 'frontend-2', '--yes', '-o', 'json'];
    const { exitCode, stdout } = await purge(cluster, argv);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'PurgedList',
      dryRun: false,
      items: [{ nodeId: 'frontend-2', entries: 2, entryBytes: 2_048, repositories: 1, repositoryBytes: 4_096 }],
    });
    expect(callsOf(cluster)).toEqual([[], ['purge all with repositories']]);
  });

  it('only counts in a dry run', async () => {
    const cluster = clusterWithFrontends(2);
    const { exitCode, stdout, stderr } = await purge(cluster, ['--repositories', '--dry-run', '-o', 'json']);
    expect({ exitCode, dryRun: JSON.parse(stdout).dryRun }).toEqual({ exitCode: 0, dryRun: true });
    expect(stderr).toContain(
      'would drop 4 responses (4.0 KiB) and 2 cached repositories (8.0 KiB) of all repositories on 2 frontends',
    );
    expect(callsOf(cluster)).toEqual([['count all with repositories'], ['count all with repositories']]);
  });

  it.each([
    ['without a terminal', {}, 9],
    ['by a no', { terminal: true, stdin: 'n\n' }, 9],
    ['by a yes', { terminal: true, stdin: 'y\n' }, 0],
  ])('asks first, and says what would go: %s', async (_what, world, exitCode) => {
    const cluster = clusterWithFrontends(1);
    const result = await purge(cluster, ['team/app'], world);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain('Drop 2 responses (2.0 KiB) of team/app on 1 frontends?');
    const calls = exitCode === 0 ? ['count team/app', 'purge team/app'] : ['count team/app'];
    expect(cluster.frontend('frontend-1').calls).toEqual(calls);
  });

  it.each([
    [['frontend-2'], 10],
    [['frontend-1', 'frontend-2'], 7],
  ])('lists the frontends that keep theirs, because they do not answer: %j', async (silent, exitCode) => {
    const cluster = clusterWithFrontends(2);
    for (const id of silent) cluster.frontend(id).silence();
    const result = await purge(cluster, ['--yes', '-o', 'json']);
    expect(result.exitCode).toBe(exitCode);
    expect(JSON.parse(result.stdout).unreachable).toEqual(silent.map((node) => ({ node, reason: `${node} is away` })));
  });

  it('refuses a repository that is not there', async () => {
    const cluster = clusterWithFrontends(2);
    for (const id of ['frontend-1', 'frontend-2']) cluster.frontend(id).missing.add('team/none');
    const { exitCode, stdout, stderr } = await purge(cluster, ['team/none', '--yes']);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 3,
      stdout: '',
      stderr: `${target}stratum: there is no repository team/none\n`,
    });
  });

  it('refuses a name that cannot be one', async () => {
    const cluster = clusterWithFrontends(1);
    expect(await purge(cluster, ['nonsense', '--yes'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect(cluster.frontend('frontend-1').calls).toEqual([]);
  });
});
