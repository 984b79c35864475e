import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { FakeCluster } from '../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';
import { clusterWithFrontends } from '../../cli/several-frontends.ts';

const warm = (cluster: FakeCluster, argv: readonly string[], world: CommandWorld = {}) =>
  runCommand(['cache', 'warm', ...argv], { connect: cluster.connect, ...world });

const callsOf = (cluster: FakeCluster) => ['frontend-1', 'frontend-2'].map((id) => cluster.frontend(id).calls);

describe('stratum cache warm', () => {
  it('has one frontend prepare the response to a clone of HEAD', async () => {
    const cluster = clusterWithFrontends(2);
    const { exitCode, stdout, stderr } = await warm(cluster, ['team/app']);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'team/app\trefs/heads/main\tcccccccccccc\tfrontend-1\tprepared\t4.0 KiB\n',
    });
    expect(stderr).toBe('127.0.0.1:7480, cluster cluster-a, version 14\nwarming\nteam/app HEAD\n');
    expect(callsOf(cluster)).toEqual([['warm team/app HEAD 1'], []]);
  });

  it('takes several refs, in full or short, and says what was there already', async () => {
    const cluster = clusterWithFrontends(1);
    cluster.frontend('frontend-1').stored.add('team/app refs/heads/main 3');
    const argv = ['team/app', 'main', 'refs/heads/release', '--depth', '3', '-o', 'json'];
    const { items, kind } = JSON.parse((await warm(cluster, argv)).stdout);
    expect(kind).toBe('WarmedList');
    expect(items).toMatchObject([
      { repo: 'team/app', ref: 'refs/heads/main', nodeId: 'frontend-1', result: 'stored', sizeBytes: 4_096 },
      { repo: 'team/app', ref: 'refs/heads/release', nodeId: 'frontend-1', result: 'prepared', sizeBytes: 4_096 },
    ]);
  });

  it('takes refs from stdin, and goes on after one that cannot be', async () => {
    const cluster = clusterWithFrontends(1);
    const stdin = 'main\na..b\nrelease # the present one\n';
    const { exitCode, stdout, stderr } = await warm(cluster, ['team/app', '--stdin', '-o', 'name'], { stdin });
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'ref/refs/heads/main\nref/refs/heads/release\n' });
    expect(stderr).toContain("contains '..'");
  });

  it('has every frontend prepare it', async () => {
    const cluster = clusterWithFrontends(2);
    const { exitCode, stdout } = await warm(cluster, ['team/app', 'main', '--all-frontends', '--field', 'nodeId']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'frontend-1\nfrontend-2\n' });
    expect(callsOf(cluster)).toEqual([['warm team/app refs/heads/main 1'], ['warm team/app refs/heads/main 1']]);
  });

  it('has the frontend that is named do it, and no other one', async () => {
    const cluster = clusterWithFrontends(2);
    await warm(cluster, ['team/app', '--frontend', 'frontend-2']);
    expect(callsOf(cluster)).toEqual([[], ['warm team/app HEAD 1']]);
    cluster.frontend('frontend-2').silence();
    const { exitCode, stderr } = await warm(cluster, ['team/app', '--frontend', 'frontend-2']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('frontend-2 is away') });
  });

  it('asks the next frontend when the first does not answer', async () => {
    const cluster = clusterWithFrontends(2);
    cluster.frontend('frontend-1').silence();
    expect(await warm(cluster, ['team/app', '--field', 'nodeId'])).toMatchObject({
      exitCode: 0,
      stdout: 'frontend-2\n',
    });
  });

  it('stops when no frontend is left that answers', async () => {
    const cluster = clusterWithFrontends(2);
    for (const id of ['frontend-1', 'frontend-2']) cluster.frontend(id).silence();
    const { exitCode, stdout, stderr } = await warm(cluster, ['team/app', 'main', 'release']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: '' });
    expect(stderr.match(/no frontend can be asked/g)).toHaveLength(1);
  });

  it.each([
    [['frontend-2'], 10],
    [['frontend-1', 'frontend-2'], 7],
  ])('lists the frontends on which nothing was prepared: %j', async (silent, exitCode) => {
    const cluster = clusterWithFrontends(2);
    for (const id of silent) cluster.frontend(id).silence();
    const result = await warm(cluster, ['team/app', '--all-frontends', '-o', 'json']);
    const { items, unreachable } = JSON.parse(result.stdout);
    expect(result.exitCode).toBe(exitCode);
    expect(items).toHaveLength(2 - silent.length);
    expect(unreachable).toEqual(silent.map((node) => ({ node, reason: `${node} is away` })));
  });

  it('goes on with the other refs when git fails at one', async () => {
    const cluster = clusterWithFrontends(1);
    const frontend = cluster.frontend('frontend-1');
    const { warmCache } = frontend;
    frontend.warmCache = (question) =>
      question.ref === 'refs/heads/main'
        ? Promise.reject(new StratumError('GIT_FAILED', 'git has failed'))
        : warmCache.call(frontend, question);
    const { exitCode, stdout, stderr } = await warm(cluster, ['team/app', 'main', 'release', '--field', 'ref']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'refs/heads/release\n' });
    expect(stderr).toContain('"code":"GIT_FAILED"');
  });

  it('prepares nothing in a dry run', async () => {
    const cluster = clusterWithFrontends(2);
    cluster.frontend('frontend-1').stored.add('team/app HEAD 1');
    const { exitCode, stdout } = await warm(cluster, ['team/app', '--all-frontends', '--dry-run', '-o', 'json']);
    const { dryRun, items } = JSON.parse(stdout);
    expect({ exitCode, dryRun }).toEqual({ exitCode: 0, dryRun: true });
    expect(items).toMatchObject([
      { nodeId: 'frontend-1', result: 'stored', sizeBytes: 4_096 },
      { nodeId: 'frontend-2', result: 'would-prepare', sizeBytes: null },
    ]);
    expect(callsOf(cluster)).toEqual([['explain team/app HEAD 1'], ['explain team/app HEAD 1']]);
  });

  it.each([
    [[], 2, /repo/i],
    [['nonsense'], 2, /owner/],
    [['team/app', 'main', '--stdin'], 2, /--stdin/],
    [['team/app', '--all-frontends', '--frontend', 'frontend-1'], 2, /all-frontends/],
    [['team/app', '--frontend', 'frontend-9'], 3, /no frontend "frontend-9"/],
  ])('refuses %j', async (argv, exitCode, message) => {
    const result = await warm(clusterWithFrontends(2), argv);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
