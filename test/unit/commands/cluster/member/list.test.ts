import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { FakeCluster, sampleReport } from '../../../cli/fake-cluster.ts';
import { runCommand } from '../../../cli/run-command.ts';

const list = (cluster: FakeCluster, ...argv: string[]) => runCommand(['cluster', 'member', 'list', ...argv], cluster);

function threeMembers(): FakeCluster {
  const cluster = new FakeCluster();
  const members = sampleReport(1).members.map((member) =>
    member.id === 'coordinator-3' ? { ...member, reachable: false, error: 'timed out' } : member,
  );
  const behind = { members, raftTerm: 6n, appliedIndex: 90n, committedIndex: 95n };
  cluster.reports = [sampleReport(1, { members }), sampleReport(2, behind)];
  cluster.silent = [{ node: 'coordinator-3', reason: 'refused', answers: false }];
  return cluster;
}

describe('stratum cluster member list', () => {
  it('lists the members, each with what its own coordinator says of the engine', async () => {
    expect(await list(threeMembers())).toMatchObject({
      exitCode: 0,
      stdout: [
        'coordinator-1\t10.0.0.1:2380\t*\tyes\t7\t100\t101\t\n',
        'coordinator-2\t10.0.0.2:2380\t\tyes\t6\t90\t95\t\n',
        'coordinator-3\t10.0.0.3:2380\t\tno\t-\t-\t-\ttimed out\n',
      ].join(''),
      stderr: 'warning: coordinator-3: refused\n',
    });
  });

  it('gives engine ids, and each unreachable node once, in JSON', async () => {
    const { items, unreachable, driver, hasQuorum, raftTerm } = JSON.parse(
      (await list(threeMembers(), '-o', 'json')).stdout,
    );
    expect({ driver, hasQuorum, raftTerm }).toEqual({ driver: 'etcd', hasQuorum: true, raftTerm: '7' });
    expect(unreachable).toEqual([{ node: 'coordinator-3', reason: 'refused' }]);
    expect(items[1]).toMatchObject({ engineId: 'e2', raft: { term: '6', appliedIndex: '90', committedIndex: '95' } });
    expect(items[2]).toMatchObject({ reachable: false, error: 'timed out', raft: null });
  });

  it('ends with 7 when no coordinator answers', async () => {
    const cluster = new FakeCluster();
    cluster.error = new StratumError('UNREACHABLE', 'refused', { endpoint: 'c:1' });
    expect(await list(cluster)).toMatchObject({ exitCode: 7, stdout: '', stderr: expect.stringContaining('refused') });
  });
});
