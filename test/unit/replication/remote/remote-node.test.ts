import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { oidOf } from '../../../../src/base/oid.ts';
import { objectService } from '../../../../src/node/object/object-service.ts';
import { getBlobs } from '../../../../src/node/object/rpc/get-blobs.ts';
import { putBlobs } from '../../../../src/node/object/rpc/put-blobs.ts';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';
import { RemoteNode } from '../../../../src/replication/remote/remote-node.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { objectServiceDefinition } from '../../../../src/rpc/object-service-definition.ts';
import { smallBlobServices } from '../../../../src/rpc/small-blob-services.ts';
import { type SampleObject, sampleObject } from '../../node/object/sample-object.ts';
import { contentOf } from '../../store/sample-blobs.ts';

const fence = { term: 3n, ringEpoch: 2n };
const options = { timeoutMs: 10_000 };
const blob = (seed: number) => ({ oid: oidOf(contentOf(100, seed)), content: contentOf(100, seed) });

describe('RemoteNode', () => {
  let node: SampleObject;
  let server: GrpcServer;
  let pool: ChannelPool;
  let remote: RemoteNode;

  const listen = async (port = 0) => {
    server = new GrpcServer({ host: '127.0.0.1', port });
    server.add(objectServiceDefinition, objectService(node));
    server.serveStreams(smallBlobServices({ putBlobs: putBlobs(node), getBlobs: getBlobs(node) }));
    await server.start();
  };
  beforeEach(async () => {
    node = await sampleObject();
    await listen();
    pool = new ChannelPool();
    remote = new RemoteNode({ nodeId: 'object-1', endpoint: server.address }, { pool, clock: systemClock });
  });
  afterEach(async () => {
    remote.close();
    pool.close();
    await server.stop(AbortSignal.abort());
    await node.remove();
  });

  it('says UNREACHABLE when the node goes away under a call, and finds it again when it is back', async () => {
    const port = Number(server.address.split(':')[1]);
    await remote.putMany([blob(1)], fence, options);
    const reached = Promise.withResolvers<void>();
    const { putMany } = node.store;
    node.store.putMany = () => {
      reached.resolve();
      return new Promise(() => undefined);
    };
    const lost = remote.putMany([blob(2)], fence, options);
    lost.catch(() => undefined); // Read below.
    await reached.promise;
    await server.stop(AbortSignal.abort());
    await expect(lost).rejects.toMatchObject({ code: 'UNREACHABLE' });
    node.store.putMany = putMany;
    await listen(port);
    const again = () => remote.putMany([blob(3)], fence, options).catch((error: unknown) => error);
    await expect.poll(again, { timeout: 10_000 }).toEqual([{ existed: expect.any(Boolean) }]);
  });

  it('goes on with a new stream after a stop of the node that had nothing on its way', async () => {
    const port = Number(server.address.split(':')[1]);
    await remote.getMany([blob(1).oid], options);
    await server.stop(new AbortController().signal);
    await listen(port);
    const again = () => remote.getMany([blob(1).oid], options).catch((error: unknown) => error);
    await expect.poll(again, { timeout: 10_000 }).toEqual([{ presence: 'MISSING' }]);
  });

  it('fails a call with what the whole message was refused for, and others after it not', async () => {
    const { admit } = node.fence;
    node.fence.admit = () => Promise.reject(new StratumError('DISK_FULL', 'full', { what: 'disk', limit: 1n }));
    await expect(remote.putMany([blob(1)], fence, options)).rejects.toMatchObject({ code: 'DISK_FULL' });
    node.fence.admit = admit.bind(node.fence);
    expect(await remote.putMany([blob(1)], fence, options)).toEqual([{ existed: false }]);
  });

  it('puts a small blob whose fence is behind nowhere, and says so', async () => {
    await node.fence.raise({ term: 9n, ringEpoch: 2n });
    const put = remote.put(new MemoryBlobSource(contentOf(100)), fence, options);
    await expect(put).rejects.toMatchObject({ code: 'STALE_TERM', details: { sent: 3n, current: 9n } });
  });

  it('joins the answers of a node that gives them in several messages', async () => {
    const oid = await node.add(contentOf(100, 7));
    const getMany = node.store.getMany.bind(node.store);
    node.store.getMany = (oids, bytesMax) => getMany(oids.slice(0, 2), bytesMax);
    const asked = [blob(1).oid, oid, blob(2).oid, oid, oid];
    const presences = (await remote.getMany(asked, options)).map(({ presence }) => presence);
    expect(presences).toEqual(['MISSING', 'PRESENT', 'MISSING', 'PRESENT', 'PRESENT']);
  });

  it('says of a large blob what a process says that serves none over HTTP', async () => {
    const put = remote.put(new MemoryBlobSource(contentOf(100_000)), fence, options);
    await expect(put).rejects.toBeInstanceOf(StratumError);
    await expect(remote.get(blob(1).oid, { offset: 0 }, options)).rejects.toBeInstanceOf(StratumError);
  });

  it('takes nothing more when it is closed', async () => {
    remote.close();
    await expect(remote.putMany([blob(1)], fence, options)).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(remote.getMany([blob(1).oid], options)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
