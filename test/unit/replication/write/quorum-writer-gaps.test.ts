import { describe, expect, it } from 'vitest';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';
import type { QuorumWriter } from '../../../../src/replication/write/quorum-writer.ts';
import type { NodeState } from '../../../../src/topology/topology.ts';
import { healthy } from '../sample-ring.ts';
import { isSettled, refused, sampleWriter, settle, smallBlob } from '../sample-writer.ts';
import { hang } from '../scripted-node.ts';

const content = 'content of a blob';
const source = new MemoryBlobSource(Buffer.from(content));
const missedAt = (nodeId: string) => ({ gap: { oid: source.oid, size: 17, nodeId }, reason: 'MISSED_WRITE' });

type Level = 'ONE' | 'QUORUM' | 'ALL';

/** Both ways to write the blob keep the same rules; a failed write is a value here. */
const ways: [string, (writer: QuorumWriter, level?: Level) => Promise<{ readonly settled: Promise<unknown> }>][] = [
  ['put', (writer, level = 'QUORUM') => writer.put(source, { level }).catch(() => ({ settled: settle() }))],
  ['putMany', (writer, level = 'QUORUM') => writer.putMany([smallBlob(content)], { level })],
];

describe.each(ways)('the gaps that %s leaves', (_, write) => {
  it('are none when every node has the blob', async () => {
    const { writer, gaps } = sampleWriter();
    await write(writer);
    await settle();
    expect(gaps.noted).toEqual([]);
  });

  it('are noted once for a node that refused before the quorum was there', async () => {
    const { writer, gaps, nodes } = sampleWriter();
    const gate = Promise.withResolvers<void>();
    nodes[0].beforePut = refused;
    nodes[1].beforePut = () => gate.promise;
    const written = write(writer);
    await settle();
    expect(gaps.noted).toEqual([]); // Not durable yet.
    gate.resolve();
    await written;
    await settle();
    expect(gaps.noted).toEqual([missedAt('o1')]);
  });

  it('are noted for a node that fails in the background', async () => {
    const { writer, gaps, nodes } = sampleWriter();
    const gate = Promise.withResolvers<void>();
    nodes[2].beforePut = () => gate.promise.then(refused);
    const { settled } = await write(writer);
    expect(gaps.noted).toEqual([]);
    gate.resolve();
    await settled;
    await settle();
    expect(gaps.noted).toEqual([missedAt('o3')]);
  });

  it('are noted for a node that never answers, at its deadline', async () => {
    const { writer, gaps, nodes, clock } = sampleWriter();
    nodes[2].beforePut = hang;
    void write(writer);
    await settle();
    clock.advance(11_000);
    await settle();
    expect(gaps.noted).toEqual([missedAt('o3')]);
  });

  it.each<[NodeState]>([['DOWN'], ['JOINING']])(
    'are noted for a node that is %s, which is not called',
    async (state) => {
      const { writer, gaps, nodes } = sampleWriter({ states: { ...healthy, o2: state } });
      await write(writer);
      await settle();
      expect(nodes[1].fences).toEqual([]);
      expect(gaps.noted).toEqual([missedAt('o2')]);
    },
  );

  it('are none of a write that failed as a whole', async () => {
    const { writer, gaps, nodes } = sampleWriter();
    nodes[0].beforePut = refused;
    nodes[1].beforePut = refused;
    await write(writer);
    await settle();
    expect(gaps.noted).toEqual([]);
  });

  it('are none of a write at ALL with two of three copies', async () => {
    const { writer, gaps, nodes } = sampleWriter();
    nodes[0].beforePut = refused;
    await write(writer, 'ALL');
    await settle();
    expect(gaps.noted).toEqual([]);
  });

  it('are two of a write at ONE with one copy', async () => {
    const { writer, gaps, nodes } = sampleWriter();
    nodes[0].beforePut = refused;
    nodes[2].beforePut = refused;
    await write(writer, 'ONE');
    await settle();
    expect(gaps.noted).toEqual([missedAt('o1'), missedAt('o3')]);
  });
});

describe('a gap', () => {
  it('is noted once, however many copies come after the required ones', async () => {
    const { writer, gaps, nodes } = sampleWriter();
    const gate = Promise.withResolvers<void>();
    nodes[0].beforePut = refused;
    nodes[1].beforePut = () => settle();
    nodes[2].beforePut = () => gate.promise;
    const { settled } = await writer.put(source, { level: 'ONE' });
    gate.resolve();
    await expect(settled).resolves.toMatchObject({ succeeded: 2 });
    expect(gaps.noted).toEqual([missedAt('o1')]);
  });

  it('never counts towards W, although it will be closed (Dynamo’s sloppy quorums)', async () => {
    const { writer, nodes, gaps } = sampleWriter({ states: { ...healthy, o1: 'DOWN' } });
    nodes[1].beforePut = refused;
    await expect(writer.put(source)).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      details: { required: 2, achieved: 1 },
    });
    const { fates } = await writer.putMany([smallBlob(content)]);
    expect(fates).toMatchObject([{ code: 'INSUFFICIENT_REPLICAS', details: { required: 2 } }]);
    expect(gaps.noted).toEqual([]);
  });

  it('does not make an answer wait for a third copy', async () => {
    const { writer, nodes } = sampleWriter();
    nodes[2].beforePut = hang;
    expect(await isSettled(writer.put(source))).toBe(true);
  });
});
