import { beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import type { BlobStream } from '../../../src/replication/node-io.ts';
import type { QuorumCallOptions } from '../../../src/replication/object-api.ts';
import { QuorumReader } from '../../../src/replication/quorum-reader.ts';
import { HashRing } from '../../../src/topology/hash-ring.ts';
import type { NodeState } from '../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from './sample-ring.ts';
import { directoryOf, hang, inChunks, ScriptedNode } from './scripted-node.ts';

const content = Buffer.from('a blob that takes several chunks');
const oid = oidOf(content);

let clock: ManualClock;
/** In the order of the blob's placement. */
let nodes: [ScriptedNode, ScriptedNode, ScriptedNode];
beforeEach(() => {
  clock = manualClock();
  const [first = '', second = '', third = ''] = HashRing.of(ringOf(healthy).ring).placement(oid);
  nodes = [new ScriptedNode(first), new ScriptedNode(second), new ScriptedNode(third)];
  for (const node of nodes) node.blobs.set(oid, content);
});

function readerFor(states: Readonly<Record<string, NodeState>> = healthy): QuorumReader {
  const topology = topologyOf(ringOf(states));
  return new QuorumReader({ stallTimeoutMs: 100 }, { clock, topology, nodes: directoryOf(...nodes) });
}

async function read(reader: QuorumReader, id: Oid = oid, options?: QuorumCallOptions): Promise<string> {
  const { chunks } = await reader.get(id, undefined, options);
  const got: Buffer[] = [];
  for await (const chunk of chunks) got.push(chunk);
  return Buffer.concat(got).toString();
}

const unreachable = async (): Promise<never> => {
  throw new StratumError('UNREACHABLE', 'connection refused', { endpoint: 'x:1' });
};

/** A stream that ends with an error after some chunks. */
function breaking(node: ScriptedNode, after: number, error: unknown): void {
  node.onGet = async (id, range): Promise<BlobStream> => {
    const { size, chunks } = node.stored(id, range);
    async function* some() {
      let count = 0;
      for await (const chunk of chunks) {
        if (count === after) throw error;
        count += 1;
        yield chunk;
      }
    }
    return { size, chunks: some() };
  };
}

describe('a quorum read', () => {
  it('takes the first replica of the placement and asks no other', async () => {
    expect(await read(readerFor())).toBe(content.toString());
    expect(nodes.map(({ gets }) => gets)).toEqual([1, 0, 0]);
  });

  it('prefers nodes in good states, and the node of its own process among equals', async () => {
    await read(readerFor({ ...healthy, [nodes[0].nodeId]: 'SUSPECT', [nodes[1].nodeId]: 'DOWN' }));
    expect(nodes.map(({ gets }) => gets)).toEqual([0, 0, 1]);
    const local = new ScriptedNode(nodes[1].nodeId, 'in-process');
    local.blobs.set(oid, content);
    nodes[1] = local;
    await read(readerFor());
    expect(local.gets).toBe(1);
  });

  it('goes on with the next replica in mid-stream without the caller noticing', async () => {
    breaking(nodes[0], 2, new StratumError('UNREACHABLE', 'connection lost', { endpoint: 'x:1' }));
    expect(await read(readerFor())).toBe(content.toString());
    expect(nodes.map(({ gets }) => gets)).toEqual([1, 1, 0]);
  });

  it('does not take a stream that is cut short for the whole', async () => {
    nodes[0].onGet = async () => ({ size: content.length, chunks: inChunks(content.subarray(0, 8)) });
    expect(await read(readerFor())).toBe(content.toString());
  });

  it('leaves a node that opens and never sends a byte after the stall time-out', async () => {
    const { chunks } = { chunks: { [Symbol.asyncIterator]: () => ({ next: hang, return: hang }) } };
    nodes[0].onGet = async () => ({ size: content.length, chunks });
    const reading = read(readerFor());
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    clock.advance(100);
    expect(await reading).toBe(content.toString());
  });

  it('leaves a node that never answers', async () => {
    nodes[0].onGet = hang;
    const reading = read(readerFor());
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    clock.advance(100);
    expect(await reading).toBe(content.toString());
  });

  it('never ends cleanly on bytes that do not hash to the id, and names who sent them', async () => {
    nodes[0].blobs.set(oid, Buffer.from('a blob that looks like the other'));
    await expect(read(readerFor())).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: { oid, nodeId: nodes[0].nodeId },
    });
  });

  it('reads a range', async () => {
    const { size, chunks } = await readerFor().get(oid, { offset: 2, length: 4 });
    const got: Buffer[] = [];
    for await (const chunk of chunks) got.push(chunk);
    expect([size, Buffer.concat(got).toString()]).toEqual([content.length, 'blob']);
  });

  it('frees the replica when the reader leaves early', async () => {
    let signal: AbortSignal | undefined;
    nodes[0].onGet = async (id, range, options) => {
      signal = options.signal;
      return nodes[0].stored(id, range);
    };
    const { chunks } = await readerFor().get(oid);
    for await (const _ of chunks) break;
    expect(signal?.aborted).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('an answer that there is no such blob', () => {
  const missing = oidOf(Buffer.from('never written'));

  it('needs N - W + 1 nodes that say so (predecessor C2)', async () => {
    await expect(read(readerFor(), missing)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    nodes[0].onGet = unreachable;
    await expect(read(readerFor(), missing)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    nodes[1].onGet = unreachable;
    await expect(read(readerFor(), missing)).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      details: { nodes: expect.arrayContaining([expect.objectContaining({ nodeId: nodes[0].nodeId })]) },
    });
  });

  it('is not given on the word of one node that lacks it while another has it (predecessor C2)', async () => {
    nodes[0].blobs.clear();
    nodes[1].blobs.clear();
    expect(await read(readerFor())).toBe(content.toString());
  });

  it('is not given by a node that cannot say', async () => {
    for (const node of nodes) {
      node.onGet = async () => {
        throw new StratumError('CHECKSUM_MISMATCH', 'in quarantine', { oid, expected: oid, got: '' });
      };
    }
    await expect(read(readerFor())).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
  });
});
