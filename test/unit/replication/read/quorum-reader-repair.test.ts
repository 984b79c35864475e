import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { breaking, content, oid, readText, sampleReader } from '../sample-reader.ts';
import { ringOf } from '../sample-ring.ts';
import type { ScriptedNode } from '../scripted-node.ts';

const size = content.length;
const streaming = { bufferedBytesMax: 0 };
const damaged = new StratumError('CHECKSUM_MISMATCH', 'in quarantine', { oid, expected: oid, got: '' });
const lost = new StratumError('UNREACHABLE', 'connection lost', { endpoint: 'x:1' });
const wrong = Buffer.from('a blob that looks like the other');

const lacking = (node: ScriptedNode) => node.blobs.clear();
const quarantined = (node: ScriptedNode) => {
  node.onGet = () => Promise.reject(damaged);
};

describe.each([
  ['small', {}],
  ['large', streaming],
])('read repair of a %s blob', (_kind, options) => {
  it.each([
    ['lacks it', lacking, 'MISSING'],
    ['has it in quarantine', quarantined, 'CORRUPT'],
    ['finds it damaged in mid-stream', (node: ScriptedNode) => breaking(node, 2, damaged), 'CORRUPT'],
  ] as const)('notes a node that %s, once, when another’s copy was verified', async (_, make, reason) => {
    const { reader, nodes, noted } = sampleReader(options);
    make(nodes[0]);
    lacking(nodes[1]);
    await readText(reader);
    expect(noted).toEqual([
      [{ oid, size, nodeId: nodes[0].nodeId }, reason],
      [{ oid, size, nodeId: nodes[1].nodeId }, 'MISSING'],
    ]);
  });

  it('notes nothing before the copy has been verified to its end', async () => {
    const { reader, nodes, noted } = sampleReader({ bufferedBytesMax: 0 });
    lacking(nodes[0]);
    const { chunks } = await reader.get(oid);
    const iterator = chunks[Symbol.asyncIterator]();
    for (let at = 0; at < size; at += 4) await iterator.next();
    expect(noted).toEqual([]);
    await iterator.next();
    expect(noted.length).toBe(1);
  });

  it('notes nothing when no good copy was found', async () => {
    const { reader, nodes, noted } = sampleReader(options);
    for (const node of nodes) lacking(node);
    quarantined(nodes[2]);
    await expect(readText(reader)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(noted).toEqual([]);
  });

  it('notes neither a node that was not reached nor one that has left the cluster', async () => {
    const { reader, nodes, noted, topology } = sampleReader(options);
    nodes[0].onGet = () => Promise.reject(lost);
    nodes[1].onGet = async () => {
      const now = topology.current() ?? ringOf({});
      topology.set({ ...now, nodes: new Map([...now.nodes].filter(([nodeId]) => nodeId !== nodes[1].nodeId)) });
      throw damaged;
    };
    expect(await readText(reader)).toBe(content.toString());
    expect(noted).toEqual([]);
  });

  it('does not come of a range', async () => {
    const { reader, nodes, noted } = sampleReader(options);
    lacking(nodes[0]);
    const { chunks } = await reader.get(oid, { offset: 0, length: size });
    await Array.fromAsync(chunks);
    expect(noted).toEqual([]);
  });
});

describe('a small blob of which a node gave a wrong copy', () => {
  it('is noted of that node when the next one’s copy was verified', async () => {
    const { reader, nodes, noted } = sampleReader();
    nodes[0].blobs.set(oid, wrong);
    await readText(reader);
    expect(noted).toEqual([[{ oid, size, nodeId: nodes[0].nodeId }, 'CORRUPT']]);
  });
});

describe('a large blob that turns out wrong', () => {
  it('is noted of the node that supplied all of its bytes', async () => {
    const { reader, nodes, noted } = sampleReader(streaming);
    lacking(nodes[0]);
    nodes[1].blobs.set(oid, wrong);
    await expect(readText(reader)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(noted).toEqual([[{ oid, size, nodeId: nodes[1].nodeId }, 'CORRUPT']]);
  });

  it('is noted of nobody when several nodes supplied its bytes, and names them', async () => {
    const { reader, nodes, noted } = sampleReader(streaming);
    nodes[0].blobs.set(oid, wrong);
    breaking(nodes[0], 4, lost);
    const nodeId = `${nodes[0].nodeId}, ${nodes[1].nodeId}`;
    await expect(readText(reader)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH', details: { nodeId } });
    expect(noted).toEqual([]);
  });
});
