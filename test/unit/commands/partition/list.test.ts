import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { partitionCluster, samplePartition } from '../../cli/sample-partitions.ts';

const partitions = [
  samplePartition(0, [1, 2, 3]),
  samplePartition(1, [2, 3], [2, 3, 4]),
  samplePartition(2, [3, 4], [3, 4, 1]),
];
const list = (cluster: ReturnType<typeof partitionCluster>, ...argv: string[]) =>
  runCommand(['partition', 'list', ...argv], cluster);

describe('stratum partition list', () => {
  it('prints each partition with its state, and ends with the exit code of the worst', async () => {
    const { exitCode, stdout, stderr } = await list(partitionCluster(partitions, { 'metadata-4': 'DOWN' }));
    expect({ exitCode, stderr }).toEqual({ exitCode: 6, stderr: '' });
    expect(stdout).toBe(
      [
        '0\t5\tmetadata-1\tmetadata-1,metadata-2,metadata-3\tmetadata-1,metadata-2,metadata-3\tok\n',
        '1\t5\tmetadata-2\tmetadata-2,metadata-3\tmetadata-2,metadata-3,metadata-4\tdegraded\n',
        '2\t5\tmetadata-3\tmetadata-3,metadata-4\tmetadata-3,metadata-4,metadata-1\tno-quorum\n',
      ].join(''),
    );
  });

  it('has a header on a terminal', async () => {
    const world = { ...partitionCluster(partitions.slice(0, 1)), terminal: true };
    const { exitCode, stdout } = await runCommand(['partition', 'list'], world);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ID +EPOCH +PRIMARY +IN-SYNC +REPLICAS +STATE\n *0 +5 +metadata-1 /);
  });

  it('gives epochs as strings in JSON', async () => {
    const { exitCode, stdout } = await list(partitionCluster(partitions.slice(0, 2)), '-o', 'json');
    expect(exitCode).toBe(5);
    const sets = { inSync: ['metadata-2', 'metadata-3'], replicas: ['metadata-2', 'metadata-3', 'metadata-4'] };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'PartitionList',
      source: { node: 'coordinator-1', version: '14' },
      items: [
        { id: 0, state: 'ok' },
        { id: 1, epoch: '5', primaryId: 'metadata-2', ...sets, state: 'degraded' },
      ],
      unreachable: [],
    });
  });

  it.each([
    [['--node', 'metadata-1'], 'partition/0\npartition/2\n', 5],
    [['--node', 'metadata-1', '--state', 'ok'], 'partition/0\n', 0],
    [['--state', 'ok', '--state', 'degraded'], 'partition/0\npartition/1\npartition/2\n', 5],
    [['--state', 'unassigned'], '', 0],
  ])('filters by %j, and judges what is left', async (argv, stdout, exitCode) => {
    expect(await list(partitionCluster(partitions), ...argv, '-o', 'name')).toMatchObject({ exitCode, stdout });
  });

  it.each([
    ['jsonl', 3],
    ['wide', 3],
  ])('prints a line each with -o %s', async (format, lines) => {
    const { stdout } = await list(partitionCluster(partitions), '-o', format);
    expect(stdout.trimEnd().split('\n')).toHaveLength(lines);
  });

  it('prints one raw value of each', async () => {
    const { stdout } = await list(partitionCluster(partitions), '--field', 'primaryId');
    expect(stdout).toBe('metadata-1\nmetadata-2\nmetadata-3\n');
  });

  it('says so when there are none', async () => {
    const { exitCode, stdout, stderr } = await list(partitionCluster([]));
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: 'there is no such partition\n' });
  });

  it.each([
    [['--node', 'metadat-1'], 3, /did you mean "metadata-1"/],
    [['--state', 'fine'], 2, /degraded/],
  ])('refuses %j', async (argv, exitCode, message) => {
    const result = await list(partitionCluster(partitions), ...argv);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
