import { describe, expect, it } from 'vitest';
import { FakeCluster, sampleReport } from '../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';
import { partitionCluster, samplePartition } from '../../cli/sample-partitions.ts';
import { sampleNode, sampleTopology } from '../../cli/sample-topology.ts';

function threeCoordinators(): FakeCluster {
  const cluster = new FakeCluster();
  const nodes = [1, 2, 3].map((number) => sampleNode(`coordinator-${number}`, 'coordinator'));
  cluster.topology = sampleTopology({}, { nodes: new Map(nodes.map((node) => [node.id, node])) });
  cluster.reports = [sampleReport(1), sampleReport(2, { version: 12n }), sampleReport(3)];
  return cluster;
}

const transfer = (cluster: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['leader', 'transfer', ...argv], {
    connect: cluster.connect,
    env: { STRATUM_ACTOR: 'ada' },
    ...world,
  });

describe('stratum leader transfer', () => {
  it('moves the leadership to the coordinator that is named, and prints the new leader', async () => {
    const cluster = threeCoordinators();
    const result = await transfer(cluster, ['coordinator-2', '--yes', '--reason', 'new disk', '-o', 'json']);
    expect(result.exitCode).toBe(0);
    expect(cluster.changes).toEqual(['leader coordinator-2 by ada: new disk']);
    expect(JSON.parse(result.stdout)).toMatchObject({
      kind: 'Leader',
      items: [{ scope: 'coordinator', leaderId: 'coordinator-2', address: 'coordinator-2.test:7480', term: '4' }],
      unreachable: [],
    });
    expect(result.stderr).toContain('cluster cluster-a, version 14\n');
  });

  it('chooses the one that has seen most when none is named', async () => {
    const cluster = threeCoordinators();
    await transfer(cluster, ['--yes']);
    expect(cluster.changes).toEqual(['leader coordinator-3 by ada: ']);
  });

  it('leaves the choice to the leader when nobody else reports', async () => {
    const cluster = new FakeCluster();
    await transfer(cluster, ['--yes']);
    expect(cluster.changes).toEqual(['leader  by ada: ']);
  });

  it('takes the node from --to as well', async () => {
    const cluster = threeCoordinators();
    await transfer(cluster, ['--to', 'coordinator-2', '--yes']);
    expect(cluster.changes).toEqual(['leader coordinator-2 by ada: ']);
  });

  it('has nothing to do when it leads already, and needs no confirmation for that', async () => {
    const cluster = threeCoordinators();
    const result = await transfer(cluster, ['coordinator-1', '-o', 'name']);
    expect(result).toMatchObject({
      exitCode: 0,
      stdout: 'node/coordinator-1\n',
      stderr: expect.stringContaining('coordinator-1 leads already'),
    });
    expect(cluster.changes).toEqual([]);
  });

  it.each([
    ['without a terminal', {}, 9, 0],
    ['when the answer is no', { terminal: true, stdin: 'n\n' }, 9, 0],
    ['when the answer is yes', { terminal: true, stdin: 'y\n' }, 0, 1],
  ])('needs a confirmation: %s', async (_what, world, exitCode, changes) => {
    const cluster = threeCoordinators();
    const result = await transfer(cluster, ['coordinator-2'], world);
    expect({ exitCode: result.exitCode, changes: cluster.changes.length }).toEqual({ exitCode, changes });
    expect(result.stderr).toContain('from coordinator-1 to coordinator-2?');
  });

  it('moves nothing in a dry run', async () => {
    const cluster = threeCoordinators();
    const { exitCode, stderr } = await transfer(cluster, ['--dry-run']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    expect(stderr).toContain('would move the leadership from coordinator-1 to coordinator-3');
  });

  it.each([
    ['moves', [], 'coordinator-3', true],
    ['has nothing to move', ['coordinator-1'], 'coordinator-1', false],
  ])('gives a program the plan when it %s', async (_what, argv, leaderId, changes) => {
    const cluster = threeCoordinators();
    const { exitCode, stdout } = await transfer(cluster, [...argv, '--dry-run', '-o', 'json']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    const action = { action: 'leader transfer', target: leaderId, changes };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Plan',
      dryRun: true,
      source: { version: '14' },
      items: [{ ...action, before: { leaderId: 'coordinator-1' }, after: { leaderId } }],
    });
  });

  it.each([
    ['a coordinator that there is not', ['coordinatr-2'], 3, /did you mean "coordinator-2"/],
    ['a node of another role', ['object-1'], 3, /no coordinator "object-1"/],
    ['two nodes', ['coordinator-2', '--to', 'coordinator-3'], 2, /are two nodes/],
    ['the leader of the consensus engine', ['--scope', 'consensus'], 1, /cannot move the leader of consensus/],
    ['a scope that there is not', ['--scope', 'x'], 2, /partition:N/],
  ])('refuses %s', async (_what, argv, exitCode, message) => {
    const cluster = threeCoordinators();
    const result = await transfer(cluster, [...argv, '--yes']);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(cluster.changes).toEqual([]);
  });

  it('ends with 7 when nobody leads', async () => {
    const cluster = threeCoordinators();
    cluster.leaderId = undefined;
    expect(await transfer(cluster, ['--yes'])).toMatchObject({ exitCode: 7, stdout: '' });
  });
});

describe('stratum leader transfer --scope partition:N', () => {
  const partitions = [samplePartition(0, [1, 2, 3]), samplePartition(1, [2, 1], [2, 1, 3]), samplePartition(2, [4])];
  const transferPartition = (cluster: FakeCluster, argv: string[]) => transfer(cluster, ['--scope', ...argv]);

  it('makes the node the primary, and prints it as the leader', async () => {
    const cluster = partitionCluster(partitions);
    const argv = ['partition:0', '--to', 'metadata-2', '--yes', '--reason', 'new disk', '-o', 'json'];
    const { exitCode, stdout, stderr } = await transferPartition(cluster, argv);
    expect(exitCode).toBe(0);
    const item = { scope: 'partition:0', leaderId: 'metadata-2', address: 'metadata-2.test:7480', term: '6' };
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Leader', items: [item] });
    expect(stderr).toContain('metadata-2 is the primary of partition 0 now, metadata-1 was before');
    expect(cluster.changes).toEqual([expect.stringMatching(/^partition 0: metadata-2 of .* by ada: new disk$/)]);
  });

  it('chooses the replica in sync that has the fewest primaries when none is named', async () => {
    const cluster = partitionCluster(partitions);
    const { exitCode, stdout } = await transferPartition(cluster, ['partition:0', '--yes', '-o', 'name']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'node/metadata-3\n' });
  });

  it('moves nothing in a dry run', async () => {
    const cluster = partitionCluster(partitions);
    const { exitCode, stderr } = await transferPartition(cluster, ['partition:0', 'metadata-2', '--dry-run']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    expect(stderr).toContain('would, for partition 0: make metadata-2 the primary in place of metadata-1');
  });

  it.each([
    ['a partition that there is not', ['partition:9'], 3, /no partition 9/],
    ['a choice where no other replica is in sync', ['partition:2'], 9, /--to names a node/],
    ['a node that is no metadata node', ['partition:0', '--to', 'object-1'], 2, /metadata nodes: /],
  ])('refuses %s', async (_what, argv, exitCode, message) => {
    const cluster = partitionCluster(partitions);
    const result = await transferPartition(cluster, [...argv, '--yes']);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(cluster.changes).toEqual([]);
  });
});
