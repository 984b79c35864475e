import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { KiB, MiB } from '../../../../src/base/units.ts';
import { ObjectNode } from '../../../../src/node/object/object-node.ts';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';
import { RemoteNode } from '../../../../src/replication/remote/remote-node.ts';
import { HttpCacheNode } from '../../../../src/replication/shared-cache/http-cache-node.ts';
import { callClientStream, callDuplex, callServerStream, callUnary } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { fromRpcError } from '../../../../src/rpc/error-mapping.ts';
import { encodeFence } from '../../../../src/rpc/fence-codec.ts';
import {
  ObjectServiceClient,
  ObjectServiceService,
  type PutCacheEntryRequest,
} from '../../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { receivedBytesMaxOf } from '../../../../src/rpc/limits.ts';
import { objectServiceDefinition } from '../../../../src/rpc/object-service-definition.ts';
import { smallBlobServices } from '../../../../src/rpc/small-blob-services.ts';
import type { Topology, TopologySource } from '../../../../src/topology/topology.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { contentOfEntry } from '../../replication/shared-cache/memory-cache-node.ts';
import { bytesOf, contentOf, temporaryFolder } from '../../store/sample-blobs.ts';
import { formedCluster } from '../../topology/sample-cluster.ts';
import { chunk, fence, fenceMessage, header, streamOf } from './sample-object.ts';

/** A topology that a test changes. */
function settableTopology() {
  const listeners = new Set<(topology: Topology) => void>();
  let current: Topology | undefined;
  const source: TopologySource = {
    current: () => current,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const set = (topology: Topology) => {
    current = topology;
    for (const listener of listeners) listener(topology);
  };
  return { source, set, listeners };
}

/** An entry of the shared cache, as it is put over gRPC. */
function cacheEntryOf(content: Buffer): [PutCacheEntryRequest, PutCacheEntryRequest] {
  const said = { key: Buffer.alloc(32, 5), size: BigInt(content.length), contentCrc32: crc32(content) };
  const header = { ...said, ttlMs: 60_000n, tag: 'repository' };
  return [{ part: { $case: 'header', value: header } }, { part: { $case: 'chunk', value: content } }];
}

describe('ObjectNode', () => {
  const signal = new AbortController().signal;
  const timeoutMs = 10_000;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let topology: ReturnType<typeof settableTopology>;
  let pool: ChannelPool;
  let node: ObjectNode;
  let server: GrpcServer;

  const start = async (freeBytesMin?: number, cacheBytesMax = 0) => {
    const options = { nodeId: 'object-1', path: join(folder.path, 'object'), cacheBytesMax };
    node = new ObjectNode(freeBytesMin === undefined ? options : { ...options, freeBytesMin }, {
      clock: systemClock,
      random: systemRandom,
      log: recordingLog(),
      topology: topology.source,
    });
    await node.start();
    server = new GrpcServer({ host: '127.0.0.1', port: 0, receivedBytesMax: receivedBytesMaxOf(['object']) });
    server.add(objectServiceDefinition, node.service);
    server.serveHttp(node.http);
    server.serveStreams(smallBlobServices(node.streams));
    await server.start();
  };
  const stop = async () => {
    await server.stop(signal);
    await node.stop();
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    topology = settableTopology();
    pool = new ChannelPool();
    await start();
  });
  afterEach(async () => {
    pool.close();
    await stop();
    await folder.remove();
  });

  const client = () => pool.client(ObjectServiceClient, server.address);
  const target = (method: string) => ({ endpoint: server.address, method, timeoutMs, clock: systemClock });
  const remote = () => new RemoteNode({ nodeId: 'object-1', endpoint: server.address }, { pool, clock: systemClock });

  it('takes and gives a blob of many chunks over gRPC, whole and in part', async () => {
    const content = contentOf(5 * MiB + 3);
    const source = new MemoryBlobSource(content);
    expect(await remote().put(source, fence, { timeoutMs })).toEqual({ existed: false });
    expect(await remote().put(source, fence, { timeoutMs })).toEqual({ existed: true });
    const { size, chunks } = await remote().get(source.oid, { offset: 0 }, { timeoutMs });
    expect(size).toBe(content.length);
    expect((await bytesOf(chunks)).equals(content)).toBe(true);
    const part = await remote().get(source.oid, { offset: MiB + 1, length: 2 * MiB }, { timeoutMs });
    expect((await bytesOf(part.chunks)).equals(content.subarray(MiB + 1, 3 * MiB + 1))).toBe(true);
  });

  it('gives every refusal its code and details over the wire', async () => {
    const content = contentOf(100);
    const put = client().putBlob.bind(client());
    const sent = (...parts: ReturnType<typeof chunk>[]) => callClientStream(put, streamOf(...parts), target('PutBlob'));
    await expect(sent(chunk(content))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'part' } });
    await expect(sent(header(content), chunk(contentOf(100, 2)))).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: { oid: oidOf(content), got: oidOf(contentOf(100, 2)) },
    });
    await sent(header(content, { fence: encodeFence({ term: 9n, ringEpoch: 2n }) }), chunk(content));
    await expect(sent(header(content), chunk(content))).rejects.toMatchObject({
      code: 'STALE_TERM',
      details: { fence: 'term', sent: fence.term, current: 9n },
    });
  });

  it('refuses a large blob while it is being sent, without waiting for its end', async () => {
    let sent = 0;
    const parts = async function* () {
      yield header(contentOf(1), { size: 2n ** 52n });
      for (; sent < 10_000; sent += 1) yield chunk(Buffer.alloc(MiB));
    };
    const put = client().putBlob.bind(client());
    await expect(callClientStream(put, parts(), target('PutBlob'))).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(sent).toBeLessThan(10_000);
  });

  it('serves the other RPCs', async () => {
    const content = contentOf(100);
    const oid = oidToBytes(oidOf(content));
    const at = client();
    const group = { fence: fenceMessage, blobs: [{ oid, content }] };
    const [stored] = await Array.fromAsync(callDuplex(at.putBlobs.bind(at), streamOf(group), target('PutBlobs')));
    expect(stored?.results).toMatchObject([{ stored: true }]);
    const [got] = await Array.fromAsync(
      callDuplex(at.getBlobs.bind(at), streamOf({ oids: [oid] }), target('GetBlobs')),
    );
    expect(got?.results[0]?.content.equals(content)).toBe(true);
    const all = { positionFrom: 0n, positionTo: 2n ** 64n - 1n, cursor: Buffer.alloc(0), pageSize: 0 };
    const { entries } = await callUnary(at.listBlobs.bind(at), all, target('ListBlobs'));
    expect(entries).toHaveLength(1);
    const { results } = await callUnary(at.hasBlobs.bind(at), { oids: [oid], verify: true }, target('HasBlobs'));
    expect(results).toMatchObject([{ size: 100n }]);
    const storedBeforeMs = 2n ** 50n;
    const deletion = callUnary(
      at.deleteBlob.bind(at),
      { oid, fence: fenceMessage, storedBeforeMs },
      target('DeleteBlob'),
    );
    expect(await deletion).toEqual({ deleted: true });
    expect(await callUnary(at.getStats.bind(at), {}, target('GetStats'))).toMatchObject({ nodeId: 'object-1', fence });
  });

  it('keeps no entries of the shared cache unless it was told how many bytes of them', async () => {
    const at = client();
    const get = Array.fromAsync(callServerStream(at.getCacheEntry.bind(at), { key: Buffer.alloc(32) }, target('Get')));
    await expect(get).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const [header, content] = cacheEntryOf(contentOf(10));
    const put = callClientStream(at.putCacheEntry.bind(at), streamOf(header, content), target('Put'));
    expect(await put).toEqual({ kept: false });
  });

  it('gives an entry of the shared cache by gRPC, by HTTP and in process, also after a restart', async () => {
    await stop();
    await start(undefined, MiB);
    const at = client();
    const put = callClientStream(
      at.putCacheEntry.bind(at),
      streamOf(...cacheEntryOf(contentOf(100_000))),
      target('Put'),
    );
    expect(await put).toEqual({ kept: true });
    await stop();
    await start(undefined, MiB);
    const key = Buffer.alloc(32, 5);
    const again = client();
    const [header] = await Array.fromAsync(callServerStream(again.getCacheEntry.bind(again), { key }, target('Get')));
    expect(header).toMatchObject({ part: { value: { size: 100_000n, tag: 'repository' } } });
    const remoteCache = new HttpCacheNode(
      { endpoint: server.address, idleTimeoutMs: timeoutMs },
      { clock: systemClock },
    );
    for (const from of [remoteCache, node.inProcessCache]) {
      const entry = await from.get(key.toString('hex'), { timeoutMs });
      expect((await contentOfEntry(entry)).equals(contentOf(100_000))).toBe(true);
    }
    remoteCache.close();
  });

  it('refuses in process what it refuses over gRPC, and the other way round', async () => {
    const source = new MemoryBlobSource(contentOf(100));
    await node.inProcess.put(source, { term: 9n, ringEpoch: 9n }, { timeoutMs });
    const behind = { term: 8n, ringEpoch: 9n };
    await expect(remote().put(source, behind, { timeoutMs })).rejects.toMatchObject({ code: 'STALE_TERM' });
    await expect(node.inProcess.put(source, behind, { timeoutMs })).rejects.toMatchObject({ code: 'STALE_TERM' });
    expect((await node.stats()).blobCount).toBe(1);
  });

  it('refuses older rings as soon as its own topology is newer, also after a restart (C3)', async () => {
    const formed = formedCluster();
    const newer = { ...formed, term: 7n, ring: { ...formed.ring, epoch: 4n } };
    topology.set(newer);
    const source = new MemoryBlobSource(contentOf(100));
    const old = { term: 7n, ringEpoch: 3n };
    await expect(remote().put(source, old, { timeoutMs })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await node.inProcess.put(source, { term: 7n, ringEpoch: 4n }, { timeoutMs });
    await stop();
    topology = settableTopology();
    await start();
    await expect(remote().put(source, old, { timeoutMs })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
  });

  it('begins with the fence of the topology that is there at its start', async () => {
    await stop();
    topology.set({ ...formedCluster(), term: 6n });
    await start();
    const put = node.inProcess.put(new MemoryBlobSource(contentOf(1)), { term: 5n, ringEpoch: 9n }, { timeoutMs });
    await expect(put).rejects.toMatchObject({ code: 'STALE_TERM' });
  });

  it('has its blobs after a restart', async () => {
    const source = new MemoryBlobSource(contentOf(MiB));
    await remote().put(source, fence, { timeoutMs });
    await stop();
    await start();
    expect(await remote().has([source.oid], true, { timeoutMs })).toMatchObject([{ presence: 'PRESENT', size: MiB }]);
  });

  it('keeps nothing of a blob whose sender is cut off', async () => {
    const content = contentOf(MiB);
    const halfWritten = () => readdir(join(folder.path, 'object', 'tmp'));
    const controller = new AbortController();
    const parts = async function* () {
      yield header(content);
      yield chunk(content.subarray(0, 100_000));
      await new Promise(() => undefined);
    };
    const put = client().putBlob.bind(client());
    const sending = callClientStream(put, parts(), { ...target('PutBlob'), signal: controller.signal });
    // The call itself hangs with its source, which is its caller's to end.
    sending.catch(() => undefined);
    await expect.poll(halfWritten, { timeout: 10_000 }).toHaveLength(1);
    controller.abort(new Error('the sender went away'));
    await expect.poll(halfWritten, { timeout: 10_000 }).toEqual([]);
    expect(await node.stats()).toMatchObject({ blobCount: 0 });
  });

  it('takes a message of small blobs of 4 MiB, and refuses one that is too large for a message', async () => {
    const blobs = Array.from({ length: 64 }, (_, seed) => {
      const content = Buffer.alloc(64 * KiB, seed);
      return { oid: oidToBytes(oidOf(content)), content };
    });
    const at = client();
    const put = (...groups: (typeof blobs)[]) =>
      Array.fromAsync(
        callDuplex(
          at.putBlobs.bind(at),
          streamOf(...groups.map((group) => ({ fence: fenceMessage, blobs: group }))),
          target('PutBlobs'),
        ),
      );
    const [response] = await put(blobs);
    expect(response?.results.filter(({ stored }) => stored)).toHaveLength(64);
    await expect(put([...blobs, ...blobs])).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('answers bytes that are no message with INVALID_ARGUMENT', async () => {
    const { path, responseDeserialize } = ObjectServiceService.putBlobs;
    const asItIs = (bytes: Buffer) => bytes;
    const call = client().makeBidiStreamRequest(path, asItIs, responseDeserialize, new Metadata(), {});
    const failed = once(call, 'error');
    call.resume();
    call.write(Buffer.from([0x12, 0xff]));
    const [error] = await failed;
    expect(fromRpcError(error, target('PutBlobs'))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('leaves no file and no descriptor open of callers who stop in mid-stream, either way', async () => {
    const content = contentOf(3 * MiB);
    const source = new MemoryBlobSource(content);
    const callers = remote();
    await callers.put(source, fence, { timeoutMs });
    const descriptors = async () => (await readdir('/proc/self/fd')).length;
    const before = await descriptors();
    const halfWritten = () => readdir(join(folder.path, 'object', 'tmp'));
    const leaving = new AbortController();
    const hanging = Array.from({ length: 20 }, (_, seed) => ({
      oid: oidOf(contentOf(MiB, seed + 2)),
      size: MiB,
      async *open() {
        yield content.subarray(0, 100_000);
        await new Promise(() => undefined);
      },
    }));
    const puts = hanging.map((blob) => callers.put(blob, fence, { timeoutMs, signal: leaving.signal }));
    const ended = Promise.allSettled(puts);
    await expect.poll(halfWritten, { timeout: 10_000 }).toHaveLength(20);
    leaving.abort(new Error('the sender went away'));
    await ended;
    for (let round = 0; round < 20; round += 1) {
      const { chunks } = await callers.get(source.oid, { offset: 0 }, { timeoutMs });
      for await (const _ of chunks) break;
    }
    callers.close();
    await expect.poll(halfWritten, { timeout: 10_000 }).toEqual([]);
    await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
  });

  it('stops following the topology when it stops', async () => {
    expect(topology.listeners.size).toBe(1);
    await stop();
    expect(topology.listeners.size).toBe(0);
    expect(() => node.service).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    await start();
  });

  it('leaves the store closed when its fence cannot be read', async () => {
    await stop();
    await writeFile(join(folder.path, 'object', 'fence.json'), 'nonsense');
    await expect(start()).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    await writeFile(join(folder.path, 'object', 'fence.json'), '{"format":1,"term":"1","ringEpoch":"1"}');
    await start();
  });
});
