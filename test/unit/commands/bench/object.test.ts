import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

const small = ['bench', 'object', '--count', '10', '--size', '64', '--callers', '2'];
const storedIn = (cluster: FakeCluster) => [...cluster.nodes.values()].map(({ blobs }) => blobs.size);

describe('stratum bench object', () => {
  it.each(['1', '4'])('stores, reads and deletes blobs, %s in a call', async (batch) => {
    const cluster = new FakeCluster();
    const { exitCode, stdout, stderr } = await runCommand([...small, '--batch', batch, '-o', 'json'], cluster);
    expect(exitCode).toBe(0);
    const { kind, items } = JSON.parse(stdout);
    expect(kind).toBe('ObjectBench');
    expect(items).toMatchObject(
      ['put', 'get', 'delete'].map((phase) => ({ phase, blobs: 10, failed: 0, bytes: 640, error: '' })),
    );
    expect(stderr).toContain('cluster cluster-a');
    expect(storedIn(cluster).every((count) => count === 0)).toBe(true);
  });

  it('leaves the blobs with --keep', async () => {
    const cluster = new FakeCluster();
    const { exitCode, stdout } = await runCommand([...small, '--keep'], cluster);
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain('delete');
    // Each of the three nodes has all, or there are more nodes than copies.
    expect(storedIn(cluster).reduce((sum, count) => sum + count)).toBe(30);
  });

  it('stores nothing with --dry-run, and says what it would', async () => {
    const cluster = new FakeCluster();
    const { exitCode, stderr } = await runCommand([...small, '--dry-run'], cluster);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('would store 10 blobs of 64 B');
    expect(storedIn(cluster).every((count) => count === 0)).toBe(true);
  });

  it('ends with 1 when nothing could be stored, and names the reason', async () => {
    const cluster = new FakeCluster();
    for (const node of cluster.nodes.values()) node.unreachable = true;
    const { exitCode, stderr } = await runCommand(small, cluster);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('10 blobs failed in the put phase');
    expect(stderr).toContain('is away');
  });

  it.each([
    [['--batch', '2', '--size', '65KiB'], '--batch'],
    [['--callers', '1024', '--size', '1MiB'], '--size'],
    [['--size', 'huge'], '--size'],
  ])('refuses %j', async (args, field) => {
    const { exitCode, stderr } = await runCommand(['bench', 'object', ...args], new FakeCluster());
    expect(exitCode).toBe(2);
    expect(stderr).toContain(field);
  });
});
