import { describe, expect, it } from 'vitest';
import { FakeCluster, sampleHeartbeat } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleTopology } from '../../cli/sample-topology.ts';

const balance = (cluster: FakeCluster, ...argv: string[]) => runCommand(['ring', 'balance', ...argv], cluster);

/** Six nodes with few virtual nodes: surely not balanced. */
function unevenCluster(): FakeCluster {
  const cluster = new FakeCluster();
  const nodes = Array.from({ length: 6 }, (_, index) => ({ nodeId: `object-${index + 1}`, weight: 100, zone: '' }));
  cluster.topology = sampleTopology({}, { ring: { ...cluster.topology.ring, nodes } });
  return cluster;
}

describe('stratum ring balance', () => {
  it('shows share, ideal and ratio, the most loaded first', async () => {
    const { exitCode, stdout, stderr } = await balance(unevenCluster(), '-o', 'json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const answer = JSON.parse(stdout);
    const ratios = answer.items.map(({ ratio }: { ratio: number }) => ratio);
    expect(ratios).toEqual(ratios.toSorted((a: number, b: number) => b - a));
    expect(answer).toMatchObject({
      kind: 'RingBalance',
      balance: { ringEpoch: '1', maxOverMean: ratios[0] },
      items: Array.from({ length: 6 }, () => ({ idealShare: 0.5, storedBytes: null, storedShare: null })),
    });
    expect(ratios[0]).toBeGreaterThan(1.02);
  });

  it('sets what nodes store beside it, on the same scale', async () => {
    const cluster = new FakeCluster();
    cluster.heartbeatReports = [100, 100, 50].map((storedBytes, index) =>
      sampleHeartbeat(`object-${index + 1}`, { storedBytes, blobCount: 7 }),
    );
    const { items } = JSON.parse((await balance(cluster, '-o', 'json')).stdout);
    expect(items).toContainEqual(
      expect.objectContaining({ nodeId: 'object-3', storedBytes: 50, blobCount: 7, storedShare: expect.closeTo(0.6) }),
    );
    expect((await balance(cluster)).stdout).toContain('object-3\t100\t100.00 %\t100.00 %\t1.000\t50 B\t60.00 %\n');
  });

  it('says how old the figures are, and names who has sent none for long or at all', async () => {
    const cluster = new FakeCluster();
    const silent = { ageMs: 45_000, suspectTimeoutMs: 3_000, storedBytes: 100 };
    cluster.heartbeatReports = [sampleHeartbeat('object-1', { ageMs: 700 }), sampleHeartbeat('object-2', silent)];
    const { exitCode, stdout } = await balance(cluster, '-o', 'json');
    const { items, unreachable } = JSON.parse(stdout);
    expect(exitCode).toBe(0);
    const ages = items.map((item: { nodeId: string; statsAgeMs: number | null }) => [item.nodeId, item.statsAgeMs]);
    expect(Object.fromEntries(ages)).toEqual({ 'object-1': 700, 'object-2': 45_000, 'object-3': null });
    expect(unreachable.toSorted((a: { node: string }, b: { node: string }) => (a.node < b.node ? -1 : 1))).toEqual([
      { node: 'object-2', reason: expect.stringContaining('45s') },
      { node: 'object-3', reason: expect.stringContaining('no heartbeat') },
    ]);
    expect((await balance(cluster)).stderr).toContain('object-2: no heartbeat for 45s');
  });

  it('works without a leader, and says what is missing', async () => {
    const cluster = unevenCluster();
    cluster.leaderId = undefined;
    const { exitCode, stdout, stderr } = await balance(cluster);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\t-\t-\n/);
    expect(stderr).toContain('no coordinator leads');
    expect(stderr).toMatch(/most loaded over mean 1\.\d{3}, standard deviation 0\.\d{3}\n/);
  });

  it.each([
    ['1.01', 5],
    ['3', 0],
  ])('ends with the right code for --max-imbalance %s', async (ratio, code) => {
    expect((await balance(unevenCluster(), '--max-imbalance', ratio)).exitCode).toBe(code);
  });

  it.each(['0.5', 'x', '1e3', ''])('refuses %j as a ratio', async (ratio) => {
    const { exitCode, stdout, stderr } = await balance(new FakeCluster(), `--max-imbalance=${ratio}`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('1.1');
  });
});
