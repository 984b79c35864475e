import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { FakeCluster, sampleHeartbeat } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleTopology } from '../../cli/sample-topology.ts';

const list = (cluster: FakeCluster, ...argv: string[]) => runCommand(['node', 'list', ...argv], cluster);

describe('stratum node list', () => {
  it('lists the nodes by role with state, heartbeat, flaps, load and intent', async () => {
    const cluster = new FakeCluster();
    cluster.topology = sampleTopology({ 'object-2': 'SUSPECT' });
    cluster.heartbeatReports = [sampleHeartbeat('object-2', { ageMs: 4_200, flapCount: 2, storedBytes: 2048 })];
    const { exitCode, stdout } = await list(cluster);
    expect(exitCode).toBe(0);
    const rows = stdout.trimEnd().split('\n');
    expect(rows.map((row) => row.split('\t')[0])).toEqual([
      'coordinator-1',
      'object-1',
      'object-2',
      'object-3',
      'metadata-1',
      'frontend-1',
    ]);
    expect(rows[2]).toBe('object-2\tobject\tSUSPECT\t4.2s\t2\t2.0 KiB stored\tSERVE');
    expect(rows[1]).toBe('object-1\tobject\tACTIVE\t-\t-\t-\tSERVE');
  });

  it('shows more when it is asked for', async () => {
    const cluster = new FakeCluster();
    cluster.heartbeatReports = [sampleHeartbeat('object-1', { freeBytes: 1024, uptimeMs: 60_000 })];
    const { stdout } = await list(cluster, '-o', 'wide');
    expect(stdout).toMatch(
      /object-1\t.*object-1\.test:7480\t\ta\t100\t1\.0 KiB\t1m0s\t14\t0\.1\.0\t.*\t18446744073709551615/,
    );
  });

  it('gives ids, versions and generations as strings in JSON, and null for a heartbeat that is not known', async () => {
    const cluster = new FakeCluster();
    cluster.heartbeatReports = [sampleHeartbeat('object-1')];
    const { items, unreachable, source } = JSON.parse((await list(cluster, '-o', 'json')).stdout);
    expect(source).toEqual({ node: 'coordinator-1', version: '14', term: '3' });
    expect(unreachable).toEqual([]);
    expect(items[1]).toMatchObject({
      id: 'object-1',
      generationId: '18446744073709551615',
      heartbeat: { ageMs: 500, suspectTimeoutMs: 3_000, knownVersion: '14', stats: { storedBytes: 0 } },
    });
    expect(items[2].heartbeat).toBeNull();
  });

  it.each([
    ['nobody leads', (cluster: FakeCluster) => (cluster.leaderId = undefined), 'leader', 'no coordinator leads'],
    [
      'the leader does not answer',
      (cluster: FakeCluster) => {
        cluster.heartbeats = () => Promise.reject(new StratumError('UNREACHABLE', 'refused', { endpoint: 'c:1' }));
      },
      'coordinator-1',
      'no heartbeats: refused',
    ],
  ])('works when %s, and says what is missing', async (_what, change, node, reason) => {
    const cluster = new FakeCluster();
    change(cluster);
    const table = await list(cluster);
    expect(table).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`warning: ${node}: ${reason}`) });
    expect(table.stdout).toContain('object-1\tobject\tACTIVE\t-\t-\t-\tSERVE\n');
    const { unreachable } = JSON.parse((await list(cluster, '-o', 'json')).stdout);
    expect(unreachable).toEqual([{ node, reason: expect.stringContaining(reason) }]);
  });

  it('ends with 7 when no coordinator answers', async () => {
    const cluster = new FakeCluster();
    cluster.error = new StratumError('UNREACHABLE', 'refused', { endpoint: 'c:1' });
    expect(await list(cluster)).toMatchObject({ exitCode: 7, stdout: '' });
  });
});
