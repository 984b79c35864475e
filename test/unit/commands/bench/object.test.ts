import { describe, expect, it } from 'vitest';
import type { EndingSignal } from '../../../../src/cli/process-signals.ts';
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
    ['when it has deleted what it stored', 1, false],
    ['at once on a second one, and says that blobs stay', 2, true],
  ])('ends on a signal %s', async (_when, signals, staysSome) => {
    const cluster = new FakeCluster();
    let send: (signal: EndingSignal) => void = () => undefined;
    let left = signals;
    for (const node of cluster.nodes.values()) {
      const put = node.put.bind(node);
      node.put = async (source) => {
        while (left > 0) {
          left -= 1;
          send('SIGTERM');
        }
        return put(source);
      };
    }
    const world = {
      connect: cluster.connect,
      onSignals: (sender: typeof send) => {
        send = sender;
      },
    };
    const { exitCode, stdout, stderr } = await runCommand([...small, '-o', 'json'], world);
    expect(exitCode).toBe(143);
    expect(JSON.parse(stdout).items).toHaveLength(2);
    expect(stderr.includes('were not deleted')).toBe(staysSome);
    if (!staysSome) expect(storedIn(cluster)).toEqual([0, 0, 0]);
  });

  it('deletes at the other nodes when one is away, and says which may keep blobs', async () => {
    const cluster = new FakeCluster();
    const away = cluster.node('object-3');
    const put = away.put.bind(away);
    away.put = async (source) => {
      const stored = await put(source);
      away.unreachable = away.blobs.size === 10;
      return stored;
    };
    const { exitCode, stdout } = await runCommand([...small, '--level', 'all', '-o', 'json'], cluster);
    const { items, unreachable } = JSON.parse(stdout);
    expect(items).toContainEqual(expect.objectContaining({ phase: 'delete', blobs: 10, failed: 0 }));
    expect({ exitCode, unreachable }).toEqual({
      exitCode: 0,
      unreachable: [{ node: 'object-3', reason: 'may keep blobs' }],
    });
    expect(storedIn(cluster)).toEqual([0, 0, 10]);
  });

  it('reckons with no more callers and blobs in a call than there are blobs', async () => {
    const bench = (count: string, size: string) =>
      runCommand(['bench', 'object', '--count', count, '--size', size, '--dry-run'], new FakeCluster());
    expect(await bench('2', '64MiB')).toMatchObject({ exitCode: 0 });
    const { stderr } = await bench('1', '10GiB');
    expect(stderr).toContain('10.0 GiB in flight');
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
