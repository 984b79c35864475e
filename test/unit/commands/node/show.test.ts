import { describe, expect, it } from 'vitest';
import { FakeCluster, sampleHeartbeat } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleNode, sampleTopology } from '../../cli/sample-topology.ts';

const show = (cluster: FakeCluster, ...argv: string[]) => runCommand(['node', 'show', ...argv], cluster);

function drainingCluster(): FakeCluster {
  const cluster = new FakeCluster();
  const topology = sampleTopology();
  const intentAudit = { actor: 'ada@ops', reason: 'new disk', atMs: 1_700_000_000_000 };
  const node = sampleNode('object-2', 'object', { state: 'DRAINING', intent: 'DRAIN', intentAudit });
  cluster.topology = { ...topology, nodes: new Map([...topology.nodes, [node.id, node]]) };
  cluster.heartbeatReports = [sampleHeartbeat('object-2', { flapCount: 3, suspectTimeoutMs: 6_000 })];
  return cluster;
}

describe('stratum node show', () => {
  it('shows duties, intent with who, when and why, and heartbeats with their time-outs', async () => {
    const { exitCode, stdout } = await show(drainingCluster(), 'object-2');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('intent\tDRAIN, by ada@ops at 2023-11-14T22:13:20.000Z: new disk\n');
    expect(stdout).toContain('heartbeat\t500ms ago; SUSPECT after 6.0s, DOWN after 6.0s\n');
    expect(stdout).toContain('flaps\t3\n');
    expect(stdout).toMatch(/ring 1\t100\.0 % of all blobs, first choice for \d+\.\d %\n/);
    expect(stdout).toContain('labels\tzone=a\n');
  });

  it('names the partitions of a metadata node', async () => {
    const { stdout } = await show(new FakeCluster(), 'metadata-1');
    expect(stdout).toContain('primary of\t2 of 2: 0-1\n');
    expect(stdout).toContain('in sync of\t2 of 2: 0-1\n');
  });

  it('gives the same in JSON', async () => {
    const { items } = JSON.parse((await show(drainingCluster(), 'object-2', '-o', 'json')).stdout);
    expect(items).toMatchObject([
      {
        id: 'object-2',
        intent: 'DRAIN',
        intentBy: { actor: 'ada@ops', reason: 'new disk', at: '2023-11-14T22:13:20.000Z' },
        ringShare: { replica: 1 },
        primaryOf: [],
        heartbeat: { flapCount: 3 },
      },
    ]);
    const metadata = JSON.parse((await show(new FakeCluster(), 'metadata-1', '-o', 'json')).stdout);
    expect(metadata.items).toMatchObject([{ intentBy: null, ringShare: null, primaryOf: [0, 1], heartbeat: null }]);
  });

  it('ends with 3 for a node that there is not, and names the one that was meant', async () => {
    expect(await show(new FakeCluster(), 'obejct-1')).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: expect.stringContaining('did you mean "object-1"?'),
    });
    expect(await show(new FakeCluster(), 'something-else')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('stratum node list'),
    });
  });

  it('works without a leader, and says what is missing', async () => {
    const cluster = drainingCluster();
    cluster.leaderId = undefined;
    expect(await show(cluster, 'object-2')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('heartbeat\t-\n'),
      stderr: expect.stringContaining('no coordinator leads'),
    });
  });
});
