import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

function planned(): FakeCluster {
  const cluster = new FakeCluster();
  const inSync = ['metadata-2', 'metadata-3'];
  const partition = { id: 7, epoch: 5n, primaryId: 'metadata-2', inSync, replicas: [...inSync, 'metadata-1'] };
  cluster.partitionPlan = {
    changes: [{ step: 'failover', partition, reason: 'metadata-1 is DOWN' }],
    deferred: [{ step: 'add-replica', partition: 3, reason: 'no node for another' }],
    version: 12n,
  };
  return cluster;
}

const plan = (cluster: FakeCluster, ...argv: string[]) => runCommand(['partition', 'plan', ...argv], cluster);

describe('stratum partition plan', () => {
  it('prints what is to be done now and what waits', async () => {
    const { exitCode, stdout, stderr } = await plan(planned());
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe(
      [
        '7\tfailover\tnow\tmetadata-2\tmetadata-2,metadata-3,metadata-1\tmetadata-1 is DOWN\n',
        '3\tadd-replica\tlater\t\t\tno node for another\n',
      ].join(''),
    );
  });

  it('gives a program the version that the plan is of', async () => {
    const { stdout } = await plan(planned(), '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'PartitionPlan',
      source: { node: 'coordinator-1', version: '12' },
      items: [
        { partition: 7, step: 'failover', when: 'now', after: { primaryId: 'metadata-2' } },
        { partition: 3, when: 'later', after: null },
      ],
    });
    expect((await plan(planned(), '-o', 'name')).stdout).toBe('partition/7\npartition/3\n');
    expect((await plan(planned(), '--field', 'when')).stdout).toBe('now\nlater\n');
    expect((await plan(planned(), '-o', 'jsonl')).stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it.each([
    ['something is', planned(), 11, ''],
    [
      'nothing is',
      new FakeCluster(),
      0,
      'nothing is to be done now (`stratum partition list` shows the state of each partition)\n',
    ],
  ])('tells by its exit code, when asked, that %s to be done', async (_what, cluster, exitCode, stderr) => {
    expect(await plan(cluster, '--exit-code')).toMatchObject({ exitCode, stderr });
  });

  it('ends with 7 when nobody leads', async () => {
    const cluster = planned();
    cluster.error = new StratumError('NO_LEADER', 'no coordinator leads', { what: 'coordinator leader' });
    expect(await plan(cluster)).toMatchObject({ exitCode: 7, stdout: '' });
  });
});
