import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { WatchEvent } from '../../../../src/client/watch-event.ts';
import { FakeCluster, sampleHeartbeat } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleNode, sampleTopology } from '../../cli/sample-topology.ts';

const update = (version: bigint): WatchEvent => ({
  kind: 'update',
  update: {
    version,
    previousVersion: version - 1n,
    term: 3n,
    atMs: 1,
    reason: 'object-1 is late',
    nodesChanged: [sampleNode('object-1', 'object', { state: 'SUSPECT' })],
    nodesRemoved: [],
    partitionsChanged: [],
  },
});

/** Watches until all events have come; `end` then interrupts, as a user would. */
async function watch(cluster: FakeCluster, argv: string[] = [], last = 1) {
  const end = new AbortController();
  const watching = cluster.watch.bind(cluster);
  let connects = 0;
  cluster.watch = (since, signal) => {
    connects += 1;
    if (connects > last) end.abort(new StratumError('CANCELLED', 'interrupted'));
    return watching(since, signal);
  };
  const result = await runCommand(['topology', 'watch', ...argv], {
    connect: cluster.connect,
    interrupted: end.signal,
  });
  const lines = result.stdout.split('\n').filter((line) => line !== '');
  return { ...result, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('stratum topology watch off a terminal', () => {
  it('prints a snapshot and then each change with its version', async () => {
    const cluster = new FakeCluster();
    cluster.watches = [
      [{ kind: 'full-sync', topology: sampleTopology() }, update(15n), { kind: 'keepalive', version: 15n }],
    ];
    const { lines, exitCode } = await watch(cluster);
    expect(lines).toMatchObject([
      { type: 'SNAPSHOT', version: '14', kind: 'Topology', object: { nodes: expect.any(Array), ring: { epoch: '1' } } },
      { type: 'MODIFIED', version: '15', kind: 'Node', reason: 'object-1 is late', object: { state: 'SUSPECT' } },
      { type: 'BOOKMARK', version: '15' },
    ]);
    expect(exitCode).toBe(143);
    expect(cluster.closed).toBe(1);
  });

  it('resumes after a version, and after a lost connection from where it was', async () => {
    const cluster = new FakeCluster();
    const lost = new StratumError('UNREACHABLE', 'gone', { endpoint: 'c:1' });
    cluster.watches = [
      [update(15n), lost],
      [update(15n), update(16n)],
    ];
    const { lines } = await watch(cluster, ['--since', '14'], 2);
    expect(lines).toMatchObject([
      { type: 'MODIFIED', version: '15' },
      { type: 'ERROR', version: '15', code: 'UNREACHABLE', message: 'gone' },
      { type: 'MODIFIED', version: '16' },
    ]);
    expect(cluster.watchedSince.slice(0, 2)).toEqual([14n, 15n]);
  });

  it('ends with 7 when no coordinator answers', async () => {
    const cluster = new FakeCluster();
    cluster.error = new StratumError('UNREACHABLE', 'refused', { endpoint: 'c:1' });
    const result = await runCommand(['topology', 'watch', '--timeout', '1ms'], cluster);
    expect(result).toMatchObject({ exitCode: 7, stdout: '', stderr: 'stratum: refused\n' });
  });

  it.each(['x', '-1', '1.5'])('refuses the version %s', async (version) => {
    expect(await runCommand(['topology', 'watch', '--since', version], new FakeCluster())).toMatchObject({
      exitCode: 2,
      stdout: '',
    });
  });
});

describe('stratum topology watch --once', () => {
  it('prints one frame as text', async () => {
    const cluster = new FakeCluster();
    cluster.heartbeatReports = [sampleHeartbeat('object-1', { ageMs: 1_200 })];
    const { exitCode, stdout } = await runCommand(['topology', 'watch', '--once'], cluster);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('leader coordinator-1 (127.0.0.1:7480), term 3, version 14, embedded 1 of 1');
    expect(stdout).toMatch(/object-1 +ACTIVE +#+\.*\|\.* 1\.2s/);
  });
});
