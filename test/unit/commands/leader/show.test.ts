import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleTopology } from '../../cli/sample-topology.ts';

const show = (cluster: FakeCluster, ...argv: string[]) => runCommand(['leader', 'show', ...argv], cluster);

describe('stratum leader show', () => {
  it('names the leader of the coordinators', async () => {
    expect(await show(new FakeCluster())).toMatchObject({
      exitCode: 0,
      stdout: 'coordinator\tcoordinator-1\t127.0.0.1:7480\t3\n',
    });
    expect((await show(new FakeCluster(), '-o', 'name')).stdout).toBe('node/coordinator-1\n');
  });

  it('ends with 7 when nobody leads', async () => {
    const cluster = new FakeCluster();
    cluster.leaderId = undefined;
    expect(await show(cluster)).toMatchObject({ exitCode: 7, stdout: '' });
  });

  it('names the leader of the consensus engine, and members that do not answer', async () => {
    const cluster = new FakeCluster();
    const away = { id: 'c-2', engineId: '', address: 'x:1', reachable: false, leader: false, error: 'timed out' };
    cluster.consensus = { ...cluster.consensus, members: [...cluster.consensus.members, away] };
    const { stdout } = await show(cluster, '--scope', 'consensus', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      items: [{ scope: 'consensus', leaderId: 'coordinator-1', term: '3' }],
      unreachable: [{ node: 'c-2', reason: 'timed out' }],
      driver: 'embedded',
    });
  });

  it('ends with 6 without a quorum', async () => {
    const cluster = new FakeCluster();
    cluster.consensus = { ...cluster.consensus, hasQuorum: false };
    expect(await show(cluster, '--scope', 'consensus')).toMatchObject({ exitCode: 6 });
  });

  it('names the primary of a partition with its epoch', async () => {
    const { stdout } = await show(new FakeCluster(), '--scope', 'partition:1');
    expect(stdout).toBe('partition:1\tmetadata-1\tmetadata-1.test:7480\t5\n');
  });

  it('ends with 3 for a partition that there is not, and with 7 before it is assigned', async () => {
    expect(await show(new FakeCluster(), '--scope', 'partition:2')).toMatchObject({ exitCode: 3 });
    const cluster = new FakeCluster();
    const unassigned = { id: 0, epoch: 0n, primaryId: '', inSync: [], replicas: [] };
    cluster.topology = sampleTopology({}, { partitions: [unassigned] });
    expect(await show(cluster, '--scope', 'partition:0')).toMatchObject({ exitCode: 7 });
  });

  it.each(['everything', 'partition', 'partition:x', 'partition:-1'])('refuses the scope %s', async (scope) => {
    const { exitCode, stderr } = await show(new FakeCluster(), '--scope', scope);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('partition:N');
  });
});
