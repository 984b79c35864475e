import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleTopology } from '../../cli/sample-topology.ts';

const show = (cluster: FakeCluster, ...argv: string[]) => runCommand(['ring', 'show', ...argv], cluster);

describe('stratum ring show', () => {
  it('shows each member with its virtual nodes and shares', async () => {
    const { exitCode, stdout, stderr } = await show(new FakeCluster());
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^object-1\tACTIVE\t\t100\t8\t100\.0 %\t\d+\.\d %\n/);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr).toBe('ring 1: 3 copies, 2 acknowledge a write\n');
  });

  it('gives the same in JSON, with what the ring is', async () => {
    const { stdout } = await show(new FakeCluster(), '-o', 'json');
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      kind: 'Ring',
      ring: { epoch: '1', replicationFactor: 3, writeQuorum: 2, virtualNodes: 8, members: 3, entries: 24 },
      items: [{ nodeId: 'object-1', virtualNodes: 8, weight: 100 }, {}, {}],
    });
    const shares = answer.items.map(({ primaryShare }: { primaryShare: number }) => primaryShare);
    expect(shares.reduce((sum: number, share: number) => sum + share, 0)).toBeCloseTo(1, 9);
    expect((await show(new FakeCluster(), '--field', 'ring.epoch')).stdout).toBe('1\n');
    expect((await show(new FakeCluster(), '-o', 'name')).stdout).toBe('node/object-1\nnode/object-2\nnode/object-3\n');
  });

  it('lists every range with --ranges: each begins where the one before ended, around the circle', async () => {
    const { exitCode, stdout } = await show(new FakeCluster(), '--ranges', '-o', 'json');
    const { items } = JSON.parse(stdout) as {
      items: { after: string; upTo: string; share: number; nodeIds: string[] }[];
    };
    expect(exitCode).toBe(0);
    expect(items).toHaveLength(24);
    expect(items.map(({ after }) => after)).toEqual(items.map((_, index) => items.at(index - 1)?.upTo));
    expect(items.every(({ nodeIds }) => nodeIds.length === 3)).toBe(true);
    expect(items.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect((await show(new FakeCluster(), '--ranges')).stdout).toMatch(
      /^\d+\t\d+\t\d\.\d{4} %\tobject-\d,object-\d,object-\d\n/,
    );
  });

  it.each([[[]], [['--ranges']]])('says with %j that there is no ring yet', async (argv) => {
    const cluster = new FakeCluster();
    cluster.topology = sampleTopology({}, { ring: { ...cluster.topology.ring, epoch: 0n, nodes: [] } });
    expect(await show(cluster, ...argv)).toEqual(
      expect.objectContaining({ exitCode: 0, stdout: '', stderr: 'no ring has been formed yet\n' }),
    );
  });
});
