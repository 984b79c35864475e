import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { partitionCluster, samplePartition } from '../../cli/sample-partitions.ts';

const cluster = () =>
  partitionCluster(
    [samplePartition(0, [1, 2, 3]), samplePartition(1, [3, 2], [2, 3, 4]), samplePartition(2, [])],
    { 'metadata-4': 'SUSPECT' },
    { 'metadata-2': { labels: { zone: 'b' } } },
  );

describe('stratum partition show', () => {
  it('prints a row for each replica, the primary first', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['partition', 'show', '1'], cluster());
    expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: '' });
    expect(stdout).toBe(
      [
        '1\t5\tdegraded\tmetadata-3\tprimary\tACTIVE\n',
        '1\t5\tdegraded\tmetadata-2\tin-sync\tACTIVE\n',
        '1\t5\tdegraded\tmetadata-4\tcatching-up\tSUSPECT\n',
      ].join(''),
    );
  });

  it('has all that is known of each replica in JSON', async () => {
    const { exitCode, stdout } = await runCommand(['partition', 'show', '0', 'partition/1', '-o', 'json'], cluster());
    expect(exitCode).toBe(5);
    const second = { nodeId: 'metadata-2', duty: 'in-sync', state: 'ACTIVE', zone: 'b', intent: 'SERVE' };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'PartitionDetailList',
      items: [
        { id: 0, epoch: '5', state: 'ok', members: [{ nodeId: 'metadata-1', duty: 'primary' }, second, {}] },
        { id: 1, state: 'degraded', primaryId: 'metadata-3' },
      ],
    });
  });

  it('prints one raw value', async () => {
    const { stdout } = await runCommand(['partition', 'show', '1', '--field', 'members[2].nodeId'], cluster());
    expect(stdout).toBe('metadata-4\n');
  });

  it('has a row for a partition that nobody holds, and ends with 6', async () => {
    const result = await runCommand(['partition', 'show', '2'], cluster());
    expect(result).toMatchObject({ exitCode: 6, stdout: '2\t5\tunassigned\t\t\t\n' });
  });

  it('takes numbers from stdin, and goes on after one that is none', async () => {
    const world = { ...cluster(), stdin: 'partition/0\nx\n9\n# the last\n1\n' };
    const { exitCode, stdout, stderr } = await runCommand(['partition', 'show', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'partition/0\npartition/1\n' });
    expect(stderr).toMatch(/line 2: .*is no partition[\s\S]*there is no partition 9/);
  });

  it.each([
    [['9'], 3, /0 to 2/],
    [['x'], 2, /is no partition/],
    [[], 2, /--stdin/],
    [['1', '--stdin'], 2, /not both/],
  ])('refuses %j', async (argv, exitCode, message) => {
    const result = await runCommand(['partition', 'show', ...argv], cluster());
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
