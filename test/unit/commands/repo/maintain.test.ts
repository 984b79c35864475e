import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { FakeCluster } from '../../cli/fake-cluster.ts';
import { sampleProgress } from '../../cli/fake-frontend.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';
import { clusterWithFrontends } from '../../cli/several-frontends.ts';

const maintain = (cluster: FakeCluster, argv: readonly string[], world: CommandWorld = {}) =>
  runCommand(['repo', 'maintain', ...argv], { connect: cluster.connect, ...world });

const target = '127.0.0.1:7480, cluster cluster-a, version 14\n';

describe('stratum repo maintain', () => {
  it('repacks a repository, shows the steps, and prints what changed', async () => {
    const cluster = clusterWithFrontends(2);
    const done = { packsBefore: 9, packsAfter: 1, bytesBefore: 2_048, bytesAfter: 1_024, changed: true };
    cluster.frontend('frontend-1').steps = [
      sampleProgress('lease'),
      sampleProgress('repack', { text: '9 packs' }),
      sampleProgress('done', { ...done, text: 'one pack with a bitmap' }),
    ];
    const { exitCode, stdout, stderr } = await maintain(cluster, ['team/app']);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'team/app\tdone\ttrue\t9 -> 1\t2.0 KiB -> 1.0 KiB\tone pack with a bitmap\n',
    });
    const steps = ['lease', 'repack: 9 packs', 'done: one pack with a bitmap'].map((step) => `team/app: ${step}\n`);
    expect(stderr).toBe(`${target}maintaining\n${steps.join('')}`);
    expect(cluster.frontend('frontend-1').calls).toEqual(['maintain team/app']);
    expect(cluster.frontend('frontend-2').calls).toEqual([]);
  });

  it('has the result in JSON', async () => {
    const { stdout } = await maintain(clusterWithFrontends(1), ['team/app', '--full', '-o', 'json']);
    const counts = { packsBefore: 9, packsAfter: 1, bytesBefore: 2_048, bytesAfter: 1_024 };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'MaintenanceList',
      dryRun: false,
      items: [{ name: 'team/app', nodeId: 'frontend-1', step: 'done', changed: true, ...counts }],
    });
  });

  it.each([
    [['--full'], 'maintain team/app in full'],
    [['--dry-run'], 'plan team/app'],
    [['--full', '--dry-run'], 'plan team/app in full'],
  ])('asks for what %j means', async (flags, call) => {
    const cluster = clusterWithFrontends(2);
    await maintain(cluster, ['team/app', '--frontend', 'frontend-2', ...flags]);
    expect(cluster.frontend('frontend-2').calls).toEqual([call]);
  });

  it('leaves with --detach as soon as the work has begun', async () => {
    const cluster = clusterWithFrontends(1);
    cluster.frontend('frontend-1').steps = [sampleProgress('waiting', { text: 'for the lease' }), 'hang'];
    const { exitCode, stdout, stderr } = await maintain(cluster, ['team/app', '--detach', '-o', 'json']);
    expect(exitCode).toBe(0);
    const unknown = { changed: null, packsBefore: null, packsAfter: null, bytesBefore: null, bytesAfter: null };
    expect(JSON.parse(stdout).items).toEqual([
      { name: 'team/app', nodeId: 'frontend-1', step: 'waiting', detail: 'for the lease', ...unknown },
    ]);
    expect(stderr).toContain('frontend-1 goes on with team/app');
  });

  it('says of what was done at once that it is', async () => {
    const cluster = clusterWithFrontends(1);
    cluster.frontend('frontend-1').steps = [sampleProgress('done', { text: 'nothing to do' })];
    const { stdout, stderr } = await maintain(cluster, ['team/app', '--detach', '--field', 'changed']);
    expect(stdout).toBe('false\n');
    expect(stderr).not.toContain('goes on');
  });

  it('says when it is interrupted that the work goes on', async () => {
    const cluster = clusterWithFrontends(2);
    const interruption = new AbortController();
    const frontend = cluster.frontend('frontend-1');
    frontend.steps = [sampleProgress('repack'), 'hang'];
    const { maintainRepo } = frontend;
    frontend.maintainRepo = async function* (request, signal) {
      for await (const step of maintainRepo.call(frontend, request, signal)) {
        yield step;
        interruption.abort(new StratumError('CANCELLED', 'interrupted'));
      }
    };
    const argv = ['team/app', 'team/lib'];
    const { exitCode, stdout, stderr } = await maintain(cluster, argv, { interrupted: interruption.signal });
    expect({ exitCode, stdout }).toEqual({ exitCode: 143, stdout: '' });
    expect(stderr).toContain('only the waiting has ended: frontend-1 goes on with team/app');
    expect(frontend.calls).toEqual(['maintain team/app']);
  });

  it('asks the next frontend when the first does not answer', async () => {
    const cluster = clusterWithFrontends(2);
    cluster.frontend('frontend-1').silence();
    const { exitCode, stdout } = await maintain(cluster, ['team/app', '--field', 'nodeId']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'frontend-2\n' });
  });

  it('does not ask another one when the first breaks off', async () => {
    const cluster = clusterWithFrontends(2);
    const error = new StratumError('UNREACHABLE', 'frontend-1 ended before the repacking did', { endpoint: 'x' });
    cluster.frontend('frontend-1').steps = [sampleProgress('upload'), error];
    const { exitCode, stderr } = await maintain(cluster, ['team/app']);
    expect(exitCode).toBe(7);
    expect(stderr).toContain('frontend-1 ended before the repacking did');
    expect(cluster.frontend('frontend-2').calls).toEqual([]);
  });

  it('stops when no frontend is left that answers', async () => {
    const cluster = clusterWithFrontends(2);
    for (const id of ['frontend-1', 'frontend-2']) cluster.frontend(id).silence();
    const { exitCode, stdout, stderr } = await maintain(cluster, ['team/app', 'team/lib']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: '' });
    expect(stderr.match(/no frontend can be asked/g)).toHaveLength(1);
  });

  it('takes names from stdin, and goes on after those that fail', async () => {
    const cluster = clusterWithFrontends(1);
    cluster.frontend('frontend-1').missing.add('team/none');
    const stdin = 'team/none\nnonsense\nteam/app\n';
    const { exitCode, stdout, stderr } = await maintain(cluster, ['--stdin', '-o', 'name'], { stdin });
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'repo/team/app\n' });
    expect(stderr).toContain('there is no repository team/none');
    expect(stderr).toContain('line 2: ');
  });

  it('maintains all repositories, and passes over what is deleted meanwhile', async () => {
    const cluster = clusterWithFrontends(1);
    for (const name of ['team/gone', 'team/lib', 'team/tool']) cluster.addRepo(name);
    cluster.frontend('frontend-1').missing.add('team/gone');
    const { exitCode, stdout } = await maintain(cluster, ['--all', '-o', 'name']);
    const names = ['team/app', 'team/lib', 'team/tool'].map((name) => `repo/${name}\n`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: names.join('') });
  });

  it.each([
    [[], 2, /--stdin/],
    [['nonsense'], 2, /owner/],
    [['team/app', '--all'], 2, /not both/],
    [['--stdin', '--all'], 2, /--stdin/],
    [['team/app', '--detach', '--dry-run'], 2, /dry-run/],
    [['team/app', '--frontend', 'frontend-9'], 3, /no frontend "frontend-9"/],
  ])('refuses %j', async (argv, exitCode, message) => {
    const result = await maintain(clusterWithFrontends(2), argv);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
