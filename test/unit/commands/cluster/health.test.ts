import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { FakeCluster, sampleReport } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleTopology } from '../../cli/sample-topology.ts';

const health = (cluster: FakeCluster, ...argv: string[]) => runCommand(['cluster', 'health', ...argv], cluster);

describe('stratum cluster health', () => {
  it('ends with 0 and says nothing on stdout when all is well', async () => {
    expect(await health(new FakeCluster())).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '127.0.0.1:7480 is healthy\n',
      bytes: Buffer.alloc(0),
    });
  });

  it('ends with 5 when redundancy is reduced, and names the command that tells more', async () => {
    const cluster = new FakeCluster();
    cluster.topology = sampleTopology({ 'object-1': 'DOWN' });
    const { exitCode, stdout } = await health(cluster);
    expect(exitCode).toBe(5);
    expect(stdout).toContain('stratum node show object-1\n');
  });

  it('ends with 6 when whoever answers sees no quorum, and tells what is known', async () => {
    const cluster = new FakeCluster();
    cluster.reports = [sampleReport(3, { hasQuorum: false, leaderId: undefined })];
    cluster.silent = [{ node: 'coordinator-1', reason: 'refused', answers: false }];
    const { exitCode, stdout } = await health(cluster, '-o', 'json');
    expect(exitCode).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'ClusterHealth',
      verdict: 'no-quorum',
      reasons: [expect.stringContaining('no quorum'), expect.stringContaining('coordinator-1 does not answer')],
      items: [{ verdict: 'no-quorum', command: 'stratum cluster member list' }, { verdict: 'degraded' }],
      unreachable: [{ node: 'coordinator-1', reason: 'refused' }],
      source: { node: 'coordinator-3', version: '14', term: '3' },
      clusterId: 'cluster-a',
    });
  });

  it('ends with 7 when nobody answers, and does not call it unhealthy', async () => {
    const cluster = new FakeCluster();
    cluster.error = new StratumError('UNREACHABLE', 'refused', { endpoint: 'c:1' });
    const { exitCode, stdout, stderr } = await health(cluster, '-o', 'json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 7, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'unknown',
      source: null,
      unreachable: [{ node: '127.0.0.1:7480', reason: 'refused' }],
    });
    expect((await health(cluster)).stderr).toBe('nobody could tell how 127.0.0.1:7480 is\n');
  });

  it('says the verdict of a healthy cluster also in the forms of items alone', async () => {
    const cluster = new FakeCluster();
    expect(await health(cluster, '-o', 'name')).toMatchObject({ exitCode: 0, stdout: 'healthy\n' });
    const { exitCode, stdout } = await health(cluster, '-o', 'jsonl');
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'healthy', reasons: [], clusterId: 'cluster-a' });
    expect((await health(cluster, '-o', 'jsonl', '--field', 'verdict')).stdout).toBe('healthy\n');
  });

  it('puts the verdict before what is wrong in JSON lines, and names it alone', async () => {
    const cluster = new FakeCluster();
    cluster.topology = sampleTopology({ 'object-1': 'DOWN' });
    const { exitCode, stdout } = await health(cluster, '-o', 'jsonl');
    expect(exitCode).toBe(5);
    const [first, ...findings] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ verdict: 'degraded', reasons: findings.map(({ reason }) => reason) });
    expect(findings).toContainEqual(expect.objectContaining({ command: 'stratum node show object-1' }));
    expect((await health(cluster, '-o', 'name')).stdout).toBe('degraded\n');
  });

  it('gives the verdict alone to a script', async () => {
    expect((await health(new FakeCluster(), '--field', 'verdict')).stdout).toBe('healthy\n');
  });
});
