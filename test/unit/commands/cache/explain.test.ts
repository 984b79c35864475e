import { describe, expect, it } from 'vitest';
import type { FakeCluster } from '../../cli/fake-cluster.ts';
import { fakeObjectId } from '../../cli/fake-frontend.ts';
import { runCommand } from '../../cli/run-command.ts';
import { clusterWithFrontends } from '../../cli/several-frontends.ts';

const explain = (cluster: FakeCluster, ...argv: string[]) => runCommand(['cache', 'explain', ...argv], cluster);

/** Two frontends of which the first has the response to a clone of depth 1 of HEAD. */
function sample(): FakeCluster {
  const cluster = clusterWithFrontends(2);
  cluster.frontend('frontend-1').stored.add('team/app HEAD 1');
  return cluster;
}

describe('stratum cache explain', () => {
  it('says for each frontend what the next clone meets, and why', async () => {
    const { exitCode, stdout, stderr } = await explain(sample(), 'team/app');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'frontend-1\thit\t4.0 KiB\tcccccccccccc\tthe response is stored',
      'frontend-2\tmiss\t\tcccccccccccc\tnobody asked for it yet',
    ]);
  });

  it('has the key and the stored response in JSON', async () => {
    const { stdout } = await explain(sample(), 'team/app.git', '-o', 'json');
    const named = { key: 'a'.repeat(64), ref: 'refs/heads/main', objectId: fakeObjectId };
    const times = { storedAt: '2023-11-14T22:13:20.000Z', usedAt: '2023-11-14T22:14:20.000Z' };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'CacheVerdictList',
      items: [
        { nodeId: 'frontend-1', verdict: 'hit', ...named, sizeBytes: 4_096, ...times },
        { nodeId: 'frontend-2', verdict: 'miss', ...named, sizeBytes: null, storedAt: '', usedAt: '' },
      ],
      unreachable: [],
    });
  });

  it.each([
    [['team/app', 'HEAD'], 'explain team/app HEAD 1'],
    [['team/app', 'release'], 'explain team/app refs/heads/release 1'],
    [['team/app', 'refs/tags/v1', '--depth', '50'], 'explain team/app refs/tags/v1 50'],
  ])('asks for what %j means', async (argv, call) => {
    const cluster = sample();
    await explain(cluster, ...argv, '--frontend', 'frontend-2');
    expect(cluster.frontend('frontend-2').calls).toEqual([call]);
    expect(cluster.frontend('frontend-1').calls).toEqual([]);
  });

  it.each([
    ['all hit', ['--exit-code', '--frontend', 'frontend-1'], 0],
    ['one misses', ['--exit-code'], 11],
    ['one misses, which was not asked about', [], 0],
  ])('tells a script by its exit code: %s', async (_what, flags, exitCode) => {
    expect((await explain(sample(), 'team/app', ...flags)).exitCode).toBe(exitCode);
  });

  it.each([
    [['frontend-2'], 10],
    [['frontend-1', 'frontend-2'], 7],
  ])(
    'lists the frontends that do not answer, and calls no difference what is not known: %j',
    async (silent, exitCode) => {
      const cluster = sample();
      for (const id of silent) cluster.frontend(id).silence();
      const result = await explain(cluster, 'team/app', '--exit-code', '-o', 'json');
      expect(result.exitCode).toBe(exitCode);
      expect(JSON.parse(result.stdout).unreachable).toHaveLength(silent.length);
    },
  );

  it('says once what every frontend says: that there is no such repository', async () => {
    const cluster = sample();
    for (const id of ['frontend-1', 'frontend-2']) cluster.frontend(id).missing.add('team/none');
    const { exitCode, stdout, stderr } = await explain(cluster, 'team/none');
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 3,
      stdout: '',
      stderr: 'stratum: there is no repository team/none\n',
    });
  });

  it.each([
    [[], 2, /repo/i],
    [['nonsense'], 2, /owner/],
    [['team/app', 'a..b'], 2, /ref name/],
    [['team/app', '--depth', '0'], 2, /depth/],
    [['team/app', '--depth', '2147483648'], 2, /depth/],
  ])('refuses %j', async (argv, exitCode, message) => {
    const result = await explain(sample(), ...argv);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
