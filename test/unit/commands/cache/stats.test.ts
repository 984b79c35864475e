import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { FakeCluster } from '../../cli/fake-cluster.ts';
import { sampleStats } from '../../cli/fake-frontend.ts';
import { runCommand } from '../../cli/run-command.ts';
import { clusterWithFrontends } from '../../cli/several-frontends.ts';

const stats = (cluster: FakeCluster, ...argv: string[]) => runCommand(['cache', 'stats', ...argv], cluster);

/** Two frontends of which the second has done twice as much. */
function sample(): FakeCluster {
  const cluster = clusterWithFrontends(2);
  const counts = { hits: 80, joins: 10, misses: 10, hitBytes: 4_096, savedMs: 90_000, entries: 3, entryBytes: 512 };
  const doubled = Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, 2 * value]));
  cluster.frontend('frontend-1').stats = sampleStats(counts);
  cluster.frontend('frontend-2').stats = sampleStats({ ...doubled, gitProcesses: 1, gitQueue: 2 });
  return cluster;
}

describe('stratum cache stats', () => {
  it('prints a row for each frontend, and their sum', async () => {
    const { exitCode, stdout, stderr } = await stats(sample());
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'frontend-1\t80\t10\t10\t90.0 %\t4.0 KiB\t1m30s\t3\t512 B of 1.0 KiB\t0\t0',
      'frontend-2\t160\t20\t20\t90.0 %\t8.0 KiB\t3m0s\t6\t1.0 KiB of 1.0 KiB\t1\t2',
      'total\t240\t30\t30\t90.0 %\t12.0 KiB\t4m30s\t9\t1.5 KiB of 2.0 KiB\t1\t2',
    ]);
  });

  it('has the frontends as items, and their sum beside them', async () => {
    const { stdout } = await stats(sample(), '-o', 'json');
    const { kind, items, total, unreachable } = JSON.parse(stdout);
    expect({ kind, unreachable }).toEqual({ kind: 'CacheStatsList', unreachable: [] });
    expect(items).toMatchObject([
      { nodeId: 'frontend-1', hits: 80, hitRatio: 0.9, savedMs: 90_000, entryBytesMax: 1_024 },
      { nodeId: 'frontend-2', hits: 160 },
    ]);
    expect(total).toMatchObject({ hits: 240, hitRatio: 0.9, repositoryBytesMax: 4_096, gitQueue: 2 });
    expect((await stats(sample(), '--field', 'total.hits')).stdout).toBe('240\n');
  });

  it('has no sum of one frontend, and no ratio before the first fetch', async () => {
    const cluster = sample();
    cluster.frontend('frontend-2').stats = sampleStats();
    const { exitCode, stdout } = await stats(cluster, '--frontend', 'frontend-2');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^frontend-2\t0\t0\t0\t-\t.*\n$/);
  });

  it.each([
    [['frontend-2'], 10, 1],
    [['frontend-1', 'frontend-2'], 7, 0],
  ])('lists the frontends that do not answer: %j', async (silent, exitCode, itemCount) => {
    const cluster = sample();
    for (const id of silent) cluster.frontend(id).silence();
    const result = await stats(cluster, '-o', 'json');
    const { items, unreachable } = JSON.parse(result.stdout);
    expect({ exitCode: result.exitCode, itemCount: items.length }).toEqual({ exitCode, itemCount });
    expect(unreachable).toEqual(silent.map((node) => ({ node, reason: `${node} is away` })));
    expect((await stats(cluster)).stderr).toContain(`warning: ${silent[0]}: ${silent[0]} is away`);
  });

  it('says of a frontend that is too old that it is', async () => {
    const cluster = sample();
    cluster.frontend('frontend-1').error = new StratumError('UNIMPLEMENTED', 'frontend-1 runs an old version');
    const { exitCode, stderr } = await stats(cluster);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 10,
      stderr: 'warning: frontend-1: frontend-1 runs an old version\n',
    });
  });

  it('says that there is no frontend yet', async () => {
    const { exitCode, stdout, stderr } = await stats(clusterWithFrontends(0));
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: 'no frontend has registered yet\n',
    });
  });

  it.each([
    ['an unknown frontend', 'frontend-3', 3, /did you mean "frontend-/],
    ['a node that is no frontend', 'object-1', 3, /no frontend "object-1"/],
  ])('refuses %s', async (_what, id, exitCode, message) => {
    const result = await stats(sample(), '--frontend', id);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
