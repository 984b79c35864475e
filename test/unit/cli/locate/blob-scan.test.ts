import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlobScan } from '../../../../src/cli/locate/blob-scan.ts';
import { FakeCluster } from '../fake-cluster.ts';

const signal = new AbortController().signal;
const ids = ['object-1', 'object-2', 'object-3'];

describe('a scan of all blobs', () => {
  it('gives every blob once, by position, with all that list it', async () => {
    const holders = fc.subarray(ids, { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(holders, { maxLength: 20 }), async (held) => {
        const cluster = new FakeCluster();
        const expected = new Map(held.map((nodeIds, index) => [cluster.hold(`blob ${index}`, ...nodeIds), nodeIds]));
        const scan = new BlobScan(cluster.topology, { cluster });
        const stretches = await Array.fromAsync(scan.stretches(signal));
        const blobs = stretches.flatMap((stretch) => stretch.blobs);
        expect(blobs.map(({ oid }) => oid)).toEqual([...expected.keys()].sort());
        for (const blob of blobs) expect([...blob.holders].sort()).toEqual(expected.get(blob.oid));
        expect(stretches.at(-1)?.done).toBe(1);
        expect(scan.unreachable).toEqual([]);
      }),
    );
  });

  it('gives a blob that is in quarantine everywhere, and tells good copies from damaged ones', async () => {
    const cluster = new FakeCluster();
    const lost = cluster.hold('lost', ...ids);
    const half = cluster.hold('half', 'object-1', 'object-3');
    for (const [nodeId, oid] of [...ids.map((id) => [id, lost] as const), ['object-3', half] as const]) {
      cluster.node(nodeId).corrupt.add(oid);
      cluster.node(nodeId).quarantined.add(oid);
    }
    const stretches = await Array.fromAsync(new BlobScan(cluster.topology, { cluster }).stretches(signal));
    const found = new Map(stretches.flatMap(({ blobs }) => blobs.map((blob) => [blob.oid, blob])));
    expect(found.get(lost)).toEqual({ oid: lost, holders: new Set(), damagedAt: new Set(ids) });
    expect(found.get(half)).toMatchObject({ holders: new Set(['object-1']), damagedAt: new Set(['object-3']) });
  });

  it('goes on without a node that stops answering, and names it', async () => {
    const cluster = new FakeCluster();
    const oids = Array.from({ length: 9 }, (_, index) => cluster.hold(`blob ${index}`, ...ids));
    const scan = new BlobScan(cluster.topology, { cluster });
    const found: string[] = [];
    for await (const { blobs } of scan.stretches(signal)) {
      found.push(...blobs.map(({ oid }) => oid));
      cluster.node('object-2').unreachable = true;
    }
    expect(found).toEqual(oids.toSorted());
    expect(scan.unreachable).toEqual([{ node: 'object-2', reason: expect.stringContaining('UNREACHABLE') }]);
  });

  it('remembers a silent node for the rest of the command, and asks none that is remembered', async () => {
    const cluster = new FakeCluster();
    cluster.node('object-2').unreachable = true;
    await Array.fromAsync(new BlobScan(cluster.topology, { cluster }).stretches(signal));
    expect(cluster.silentNodes.errorOf('object-2')).toMatchObject({ code: 'UNREACHABLE' });
    cluster.node('object-2').unreachable = false;
    const again = new BlobScan(cluster.topology, { cluster });
    await Array.fromAsync(again.stretches(signal));
    expect(again.unreachable).toEqual([{ node: 'object-2', reason: expect.stringContaining('UNREACHABLE') }]);
  });

  it('names a member of the ring that is not registered', async () => {
    const cluster = new FakeCluster();
    const nodes = new Map([...cluster.topology.nodes].filter(([id]) => id !== 'object-3'));
    const scan = new BlobScan({ ...cluster.topology, nodes }, { cluster });
    await Array.fromAsync(scan.stretches(signal));
    expect(scan.unreachable).toEqual([{ node: 'object-3', reason: 'the node is not registered' }]);
  });
});
