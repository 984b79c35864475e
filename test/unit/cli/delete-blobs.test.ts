import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Oid } from '../../../src/base/oid.ts';
import { deleteBlobs } from '../../../src/cli/delete-blobs.ts';
import { objectService } from '../../../src/node/object/object-service.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { ObjectServiceService } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { sampleObject } from '../node/object/sample-object.ts';
import { ringOf, topologyOf } from '../replication/sample-ring.ts';

const call = { timeoutMs: 5_000 };

/** Two of the three nodes of a ring; the third is registered and not there. */
async function sample() {
  const channels = new ChannelPool();
  const objects = await Promise.all([sampleObject(), sampleObject()]);
  const servers = objects.map((object) => {
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
    server.add(ObjectServiceService, objectService(object));
    return server;
  });
  for (const server of servers) await server.start();
  onTestFinished(async () => {
    channels.close();
    for (const server of servers) await server.stop(AbortSignal.abort());
    for (const object of objects) await object.remove();
  });
  const addresses = [...servers.map(({ address }) => address), '127.0.0.1:1'];
  const ring = ringOf({ o1: 'ACTIVE', o2: 'ACTIVE', o3: 'DOWN' }, { term: 3n });
  const placed = [...ring.nodes].map(
    ([id, node], index) => [id, { ...node, address: addresses[index] ?? '' }] as const,
  );
  const topology = { ...ring, ring: { ...ring.ring, epoch: 2n }, nodes: new Map(placed) };
  const modules = { channels, clock: systemClock, topology: topologyOf(topology) };
  const without = { ...modules, topology: topologyOf({ ...topology, nodes: new Map(placed.slice(0, 2)) }) };
  const store = async (content: string): Promise<Oid> => {
    const [oid] = await Promise.all(objects.map((object) => object.add(Buffer.from(content))));
    return oid ?? ('' as Oid);
  };
  const held = (oid: Oid) => Promise.all(objects.map((object) => object.store.presence(oid)));
  return { modules, without, store, held };
}

describe('deleting blobs', () => {
  it('takes them from all of their own nodes that are registered, and no others', async () => {
    const { without, store, held } = await sample();
    const [gone, kept] = [await store('one'), await store('two')];
    await deleteBlobs([gone], call, without);
    expect(await held(gone)).toEqual(['MISSING', 'MISSING']);
    expect(await held(kept)).toEqual(['PRESENT', 'PRESENT']);
  });

  it('rejects when a node cannot be asked, after it has asked the others', async () => {
    const { modules, store, held } = await sample();
    const oid = await store('one');
    await expect(deleteBlobs([oid], call, modules)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(await held(oid)).toEqual(['MISSING', 'MISSING']);
  });
});
