import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

describe('stratum topology show', () => {
  it('prints the nodes by role and id in a pipe', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['topology', 'show'], new FakeCluster());
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const rows = stdout.trimEnd().split('\n');
    expect(rows.map((row) => row.split('\t')[0])).toEqual([
      'coordinator-1',
      'object-1',
      'object-2',
      'object-3',
      'metadata-1',
      'frontend-1',
    ]);
    expect(rows[1]).toBe('object-1\tobject\tACTIVE\tobject-1.test:7480\t');
  });

  it('has a table and a line about the cluster for people', async () => {
    const world = { ...new FakeCluster(), terminal: true };
    const { stdout, stderr } = await runCommand(['topology', 'show'], world);
    expect(stdout).toMatch(/^ID +ROLES +STATE +ADDRESS +HTTP\n/);
    expect(stderr).toBe('cluster cluster-a, version 14, ring epoch 1 of 3 nodes, 2 of 2 partitions assigned\n');
  });

  it('has ring, partitions and settings in JSON, u64 as strings', async () => {
    const { stdout } = await runCommand(['topology', 'show', '-o', 'json'], new FakeCluster());
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Topology',
      source: { node: 'coordinator-1', version: '14', term: '3' },
      clusterId: 'cluster-a',
      version: '14',
      ring: { epoch: '1', replicationFactor: 3 },
      partitions: [{ id: 0, epoch: '5' }, { id: 1 }],
      items: expect.arrayContaining([
        expect.objectContaining({ id: 'object-1', generationId: '18446744073709551615', capacityBytes: 1_000_000 }),
      ]),
    });
  });

  it('prints one raw value with --field', async () => {
    const { stdout } = await runCommand(['topology', 'show', '--field', 'ring.epoch'], new FakeCluster());
    expect(stdout).toBe('1\n');
  });
});
