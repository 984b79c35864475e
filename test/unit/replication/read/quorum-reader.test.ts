import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { oidOf } from '../../../../src/base/oid.ts';
import { HashRing } from '../../../../src/topology/hash-ring.ts';
import { breaking, content, elapsing, oid, readText, sampleReader, settle } from '../sample-reader.ts';
import { healthy, ringOf } from '../sample-ring.ts';
import { hang, inChunks, type ScriptedNode } from '../scripted-node.ts';

const text = content.toString();
const lost = new StratumError('UNREACHABLE', 'connection lost', { endpoint: 'x:1' });
const damaged = new StratumError('CHECKSUM_MISMATCH', 'in quarantine', { oid, expected: oid, got: '' });
/** Delivered while it comes, and not from a buffer. */
const streaming = { bufferedBytesMax: 0 };

const fail = (node: ScriptedNode, error: unknown) => {
  node.onGet = () => Promise.reject(error);
};

describe('a quorum read', () => {
  it('takes the first replica of the placement and asks no other', async () => {
    const { reader, gets } = sampleReader();
    expect(await readText(reader)).toBe(text);
    expect(gets()).toEqual([1, 0, 0]);
  });

  it('prefers nodes in good states', async () => {
    const { nodes } = sampleReader();
    const states = { ...healthy, [nodes[0].nodeId]: 'SUSPECT', [nodes[1].nodeId]: 'DOWN' } as const;
    const { reader, gets } = sampleReader({}, states);
    await readText(reader);
    expect(gets()).toEqual([0, 0, 1]);
  });

  it('prefers the node of its own process among those in equal states', async () => {
    const { reader, gets } = sampleReader({}, healthy, 1);
    await readText(reader);
    expect(gets()).toEqual([0, 1, 0]);
  });

  it.each([
    ['small', {}],
    ['large', streaming],
  ])('goes on with the next replica where one breaks off, for a %s blob', async (_, options) => {
    const { reader, nodes, gets } = sampleReader(options);
    breaking(nodes[0], 2, lost);
    expect(await readText(reader)).toBe(text);
    expect(gets()).toEqual([1, 1, 0]);
  });

  it('asks the next replica only for what is left of a large blob', async () => {
    const { reader, nodes } = sampleReader(streaming);
    breaking(nodes[0], 2, lost);
    const asked: unknown[] = [];
    nodes[1].onGet = async (id, range) => {
      asked.push(range);
      return nodes[1].stored(id, range);
    };
    await readText(reader);
    expect(asked).toEqual([{ offset: 8 }]);
  });

  it.each([
    ['small', {}],
    ['large', streaming],
  ])('leaves a node that finds its own copy damaged in mid-stream, for a %s blob', async (_, options) => {
    const { reader, nodes } = sampleReader(options);
    breaking(nodes[0], 3, damaged);
    expect(await readText(reader)).toBe(text);
  });

  it.each([
    ['small', {}],
    ['large', streaming],
  ])('takes neither a stream that is cut short nor one that is too long for a %s blob', async (_, options) => {
    const { reader, nodes, gets } = sampleReader(options);
    nodes[0].onGet = async () => ({ size: content.length, chunks: inChunks(content.subarray(0, 8)) });
    const long = Buffer.concat([content.subarray(8), Buffer.from('and more')]);
    const longer = options === streaming ? long : Buffer.concat([content, long]);
    nodes[1].onGet = async () => ({ size: content.length, chunks: inChunks(longer) });
    expect(await readText(reader)).toBe(text);
    expect(gets()[1]).toBe(1);
  });

  it('does not go on with a replica that says another size than the first', async () => {
    const { reader, nodes, gets } = sampleReader(streaming);
    breaking(nodes[0], 2, lost);
    nodes[1].onGet = async (id, range) => ({ ...nodes[1].stored(id, range), size: content.length + 1 });
    expect(await readText(reader)).toBe(text);
    expect(gets()).toEqual([1, 1, 1]);
  });

  it.each([
    ['small', {}],
    ['large', streaming],
  ])('does not deliver a chunk that goes beyond the end of a %s blob', async (_, options) => {
    const { reader, nodes, gets } = sampleReader(options);
    async function* oneChunk() {
      yield Buffer.concat([content, Buffer.from('and more')]);
    }
    nodes[0].onGet = async () => ({ size: content.length, chunks: oneChunk() });
    expect(await readText(reader)).toBe(text);
    expect(gets()).toEqual([1, 1, 0]);
  });

  it.each([
    ['small', {}],
    ['large', streaming],
  ])('leaves a node that stalls in mid-stream after the stall time-out, for a %s blob', async (_, options) => {
    const { reader, nodes, clock } = sampleReader(options);
    breaking(nodes[0], 2);
    const reading = readText(reader);
    await settle();
    clock.advance(10_000);
    expect(await reading).toBe(text);
  });

  it.each([
    ['never answers', () => hang()],
    [
      'opens and never sends a byte',
      async () => ({ size: content.length, chunks: { [Symbol.asyncIterator]: silent } }),
    ],
  ])('leaves a node that %s after the stall time-out', async (_, onGet) => {
    const { reader, nodes, clock } = sampleReader({ stallTimeoutMs: 100 });
    nodes[0].onGet = onGet;
    const reading = readText(reader);
    await settle();
    clock.advance(99);
    await settle();
    expect(nodes[1].gets).toBe(0);
    clock.advance(1);
    expect(await reading).toBe(text);
  });

  it('takes a wrong copy of a small blob for none, and the next one instead', async () => {
    const { reader, nodes } = sampleReader();
    nodes[0].blobs.set(oid, Buffer.from('a blob that looks like the other'));
    nodes[1].blobs.set(oid, Buffer.from('shorter'));
    expect(await readText(reader)).toBe(text);
  });

  it('ends a large blob of wrong bytes with CHECKSUM_MISMATCH, names who sent them, and goes no further', async () => {
    const { reader, nodes } = sampleReader(streaming);
    nodes[0].blobs.set(oid, Buffer.from('a blob that looks like the other'));
    const { chunks } = await reader.get(oid);
    const iterator = chunks[Symbol.asyncIterator]();
    for (let at = 0; at < content.length; at += 4) await iterator.next();
    const details = { oid, nodeId: nodes[0].nodeId };
    const wrong = { code: 'CHECKSUM_MISMATCH', details, hint: expect.stringContaining('again') };
    await expect(iterator.next()).rejects.toMatchObject(wrong);
    await expect(iterator.next()).rejects.toMatchObject(wrong);
  });

  it('asks others first for a large blob that turned out wrong, for five minutes', async () => {
    const { reader, nodes, clock, gets } = sampleReader(streaming);
    nodes[0].blobs.set(oid, Buffer.from('a blob that looks like the other'));
    clock.advance(1);
    await expect(readText(reader)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await readText(reader)).toBe(text);
    clock.advance(300_000);
    expect(await readText(reader)).toBe(text);
    expect(gets()).toEqual([1, 2, 0]);
    clock.advance(1);
    await expect(readText(reader)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  });

  it('asks others before all who supplied bytes that turned out wrong, and those for other blobs as before', async () => {
    const { reader, nodes, gets } = sampleReader(streaming);
    nodes[0].blobs.set(oid, Buffer.from('a blob that looks like the other'));
    breaking(nodes[0], 4, lost);
    await expect(readText(reader)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(gets()).toEqual([1, 1, 0]);
    expect(await readText(reader)).toBe(text);
    expect(gets()).toEqual([1, 1, 1]);
    const ring = HashRing.of(ringOf(healthy).ring);
    const others = Array.from({ length: 100 }, (_, index) => Buffer.from(`other ${index}`));
    const other = others.find((each) => ring.placement(oidOf(each))[0] === nodes[0].nodeId) ?? expect.unreachable();
    for (const node of nodes) node.onGet = async () => ({ size: other.length, chunks: inChunks(other) });
    expect(await readText(reader, oidOf(other))).toBe(other.toString());
    expect(gets()).toEqual([2, 1, 1]);
  });

  it('reads a range, and goes on with it at the next replica', async () => {
    const { reader, nodes } = sampleReader();
    breaking(nodes[0], 1, lost);
    const { size, chunks } = await reader.get(oid, { offset: 2, length: 10 });
    expect([size, Buffer.concat(await Array.fromAsync(chunks)).toString()]).toEqual([content.length, 'blob that ']);
  });

  it('reads an empty blob, and none of the bytes of a blob', async () => {
    const { reader, nodes } = sampleReader();
    const empty = Buffer.alloc(0);
    for (const node of nodes) node.blobs.set(oidOf(empty), empty);
    expect(await readText(reader, oidOf(empty))).toBe('');
    const { chunks } = await reader.get(oid, { offset: 4, length: 0 });
    expect(await Array.fromAsync(chunks)).toEqual([]);
  });

  it('says what is wrong with a range when enough nodes say so, and not on the word of one', async () => {
    const { reader, nodes } = sampleReader();
    const details = { field: 'offset', reason: '99 is not in the blob' };
    const refused = new StratumError('INVALID_ARGUMENT', 'no such offset', details);
    fail(nodes[0], refused);
    fail(nodes[1], lost);
    fail(nodes[2], lost);
    await expect(reader.get(oid, { offset: 99 })).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    fail(nodes[1], refused);
    await expect(reader.get(oid, { offset: 99 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details });
  });

  it('needs a topology', async () => {
    const { reader, topology } = sampleReader();
    const { ring, ...rest } = ringOf(healthy);
    topology.set({ ...rest, ring: { ...ring, epoch: 0n } });
    await expect(reader.get(oid)).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});

describe('a quorum read with little time', () => {
  const timeoutMs = 2_000;

  const hanging = (node: ScriptedNode) => {
    node.onGet = () => hang();
  };
  const stalling = (node: ScriptedNode) => breaking(node, 2);

  it.each([
    ['small', 'never answer', {}, hanging],
    ['large', 'stall in mid-stream', streaming, stalling],
    ['small', 'stall in mid-stream', {}, stalling],
  ])('gets a %s blob from the third replica where two %s', async (_kind, _fault, options, make) => {
    const { reader, nodes, clock, gets } = sampleReader(options);
    make(nodes[0]);
    make(nodes[1]);
    const { result, tookMs } = await elapsing(readText(reader, oid, { timeoutMs }), clock);
    expect(result).toBe(text);
    expect(tookMs).toBeLessThan(timeoutMs);
    expect(gets()[2]).toBe(1);
  });

  it('gives a node all of it where the others are DOWN', async () => {
    const { nodes } = sampleReader();
    const states = { ...healthy, [nodes[1].nodeId]: 'DOWN', [nodes[2].nodeId]: 'DOWN' } as const;
    const { reader, nodes: own, clock } = sampleReader({}, states);
    own[0].onGet = async (id, range) => {
      await clock.sleep(1_900);
      return own[0].stored(id, range);
    };
    const { result } = await elapsing(readText(reader, oid, { timeoutMs }), clock);
    expect(result).toBe(text);
  });
});

function silent(): AsyncIterator<Buffer> {
  return { next: () => hang(), return: () => hang() };
}

describe('the end of a quorum read', () => {
  const opened = () => {
    const sample = sampleReader(streaming);
    const signals: (AbortSignal | undefined)[] = [];
    for (const node of sample.nodes) {
      node.onGet = async (id, range, options) => {
        signals.push(options.signal);
        return node.stored(id, range);
      };
    }
    return { ...sample, signals };
  };

  it('frees the replica when the reader leaves early', async () => {
    const { reader, clock, signals } = opened();
    const { chunks } = await reader.get(oid);
    for await (const _ of chunks) break;
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('frees the replica when the caller’s signal aborts, whether or not anybody reads on', async () => {
    const { reader, clock, signals } = opened();
    const caller = new AbortController();
    const reason = new StratumError('CANCELLED', 'client left');
    const { chunks } = await reader.get(oid, undefined, { signal: caller.signal });
    const iterator = chunks[Symbol.asyncIterator]();
    await iterator.next();
    caller.abort(reason);
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    await expect(iterator.next()).rejects.toBe(reason);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('comes at once when the caller’s signal aborts while every node hangs', async () => {
    const { reader, nodes, clock } = sampleReader();
    for (const node of nodes) node.onGet = () => hang();
    const caller = new AbortController();
    const reason = new StratumError('CANCELLED', 'client left');
    const reading = reader.get(oid, undefined, { signal: caller.signal });
    await settle();
    caller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await settle();
    expect(clock.pendingTimers()).toBe(0);
    await expect(reader.get(oid, undefined, { signal: caller.signal })).rejects.toBe(reason);
  });

  it('comes at the deadline of the call when every node hangs, and names all of them', async () => {
    const { reader, nodes, clock } = sampleReader();
    for (const node of nodes) node.onGet = () => hang();
    const reading = reader.get(oid, undefined, { timeoutMs: 300 });
    const failed = expect(reading).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      details: { nodes: nodes.map(({ nodeId }) => ({ nodeId, error: { code: 'DEADLINE_EXCEEDED' } })) },
    });
    await settle();
    clock.advance(300);
    await failed;
    expect(clock.pendingTimers()).toBe(0);
  });

  it.each([
    ['small', {}],
    ['large', streaming],
  ])('does not wait for a node that has sent all of a %s blob and does not end, and ends it', async (_, options) => {
    const { reader, nodes, clock } = sampleReader(options);
    let signal: AbortSignal | undefined;
    nodes[0].onGet = async (id, range, call) => {
      signal = call.signal;
      const { size, chunks } = nodes[0].stored(id, range);
      async function* endless() {
        yield* chunks;
        await hang();
      }
      return { size, chunks: endless() };
    };
    expect(await readText(reader)).toBe(text);
    expect([nodes[1].gets, signal?.aborted]).toEqual([0, false]);
    clock.advance(1000);
    await settle();
    expect(signal?.aborted).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('an answer that there is no such blob', () => {
  const missing = oidOf(Buffer.from('never written'));
  const orderOfMissing = HashRing.of(ringOf(healthy).ring).placement(missing);

  it('needs N - W + 1 nodes that say so (predecessor C2)', async () => {
    const { reader, nodes } = sampleReader();
    await expect(readText(reader, missing)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    fail(nodes[0], lost);
    await expect(readText(reader, missing)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    fail(nodes[1], lost);
    await expect(readText(reader, missing)).rejects.toMatchObject({
      code: 'INSUFFICIENT_REPLICAS',
      details: { nodes: expect.arrayContaining([expect.objectContaining({ nodeId: nodes[0].nodeId })]) },
    });
  });

  it('needs all N nodes at level ALL', async () => {
    const { reader, nodes } = sampleReader();
    fail(nodes[0], lost);
    await expect(readText(reader, missing, { level: 'ALL' })).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
  });

  it('is not given on the word of nodes that lack it while another has it (predecessor C2)', async () => {
    const { reader, nodes } = sampleReader();
    nodes[0].blobs.clear();
    nodes[1].blobs.clear();
    expect(await readText(reader)).toBe(text);
  });

  it.each([
    ['at once when it fails', 0, 0],
    ['after the usual time of one that hangs', 500, undefined],
  ])('does not wait for the last node: %s', async (_, expectedMs, failsAfterMs) => {
    const { reader, nodes, clock } = sampleReader();
    const last = nodes.find(({ nodeId }) => nodeId === orderOfMissing[2]) ?? expect.unreachable();
    last.onGet = () => (failsAfterMs === undefined ? hang() : Promise.reject(lost));
    const { result, tookMs } = await elapsing(readText(reader, missing), clock);
    expect(result).toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(tookMs).toBe(expectedMs);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('does not wait any more for a first node that was late before the others denied the blob', async () => {
    const { reader, nodes, clock, gets } = sampleReader();
    const first = nodes.find(({ nodeId }) => nodeId === orderOfMissing[0]) ?? expect.unreachable();
    first.onGet = () => hang();
    const { result, tookMs } = await elapsing(readText(reader, missing), clock);
    expect(result).toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(tookMs).toBe(500);
    expect(gets()).toEqual([1, 1, 1]);
  });

  it('asks no node for it that is DOWN when enough others lack it', async () => {
    const { nodes } = sampleReader();
    const { reader, gets } = sampleReader({}, { ...healthy, [nodes[0].nodeId]: 'DOWN' });
    await expect(readText(reader, missing)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(gets()).toEqual([0, 1, 1]);
  });

  it('lets the last node say otherwise within its usual time', async () => {
    const { reader, nodes, clock } = sampleReader();
    nodes[0].blobs.clear();
    nodes[1].blobs.clear();
    nodes[2].onGet = async (id, range) => {
      await clock.sleep(490);
      return nodes[2].stored(id, range);
    };
    const { result } = await elapsing(readText(reader), clock);
    expect(result).toBe(text);
  });

  it('is not given by nodes that cannot say', async () => {
    const { reader, nodes } = sampleReader();
    for (const node of nodes) fail(node, damaged);
    await expect(readText(reader)).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
  });

  it.each(['JOINING', undefined] as const)('is not given by a node of state %s', async (state) => {
    const { reader, nodes, topology } = sampleReader();
    const { nodeId } = nodes[1];
    fail(nodes[0], lost);
    const { [nodeId]: _, ...others } = { ...healthy } as Record<string, 'ACTIVE'>;
    const now = ringOf(state === undefined ? others : { ...others, [nodeId]: state });
    topology.set({ ...now, ring: ringOf(healthy).ring });
    await expect(readText(reader, missing)).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
  });

  it('is not given by a node that leaves the cluster while it is asked', async () => {
    const { reader, nodes, topology } = sampleReader();
    fail(nodes[0], lost);
    nodes[1].onGet = async (id, range) => {
      const now = ringOf(healthy);
      topology.set({ ...now, nodes: new Map([...now.nodes].filter(([nodeId]) => nodeId !== nodes[1].nodeId)) });
      return nodes[1].stored(id, range);
    };
    await expect(readText(reader, missing)).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
  });
});
