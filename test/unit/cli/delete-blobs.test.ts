import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import type { Oid } from '../../../src/base/oid.ts';
import { deleteBlobs, deletionLimit } from '../../../src/cli/delete-blobs.ts';
import { SilentNodes } from '../../../src/cli/silent-nodes.ts';
import { objectService } from '../../../src/node/object/object-service.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { ObjectServiceService } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import type { NodeState } from '../../../src/topology/topology.ts';
import { sampleObject } from '../node/object/sample-object.ts';
import { ringOf, topologyOf } from '../replication/sample-ring.ts';

const call = { timeoutMs: 5_000 };

/** A listener that accepts and never answers. */
async function startSilent() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return { address: `127.0.0.1:${bound.port}`, connections: () => sockets.size };
}

/** Two of the three nodes of a ring; the third is registered, and does not answer. */
async function sample(third: NodeState = 'ACTIVE') {
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
  const silence = await startSilent();
  const addresses = [...servers.map(({ address }) => address), silence.address];
  const ring = ringOf({ o1: 'ACTIVE', o2: 'ACTIVE', o3: third }, { term: 3n });
  const placed = [...ring.nodes].map(
    ([id, node], index) => [id, { ...node, address: addresses[index] ?? '' }] as const,
  );
  const topology = { ...ring, ring: { ...ring.ring, epoch: 2n }, nodes: new Map(placed) };
  const silentNodes = new SilentNodes({ clock: systemClock });
  const modules = { channels, clock: systemClock, topology: topologyOf(topology), silentNodes, limit: deletionLimit() };
  const without = { ...modules, topology: topologyOf({ ...topology, nodes: new Map(placed.slice(0, 2)) }) };
  const store = async (content: string): Promise<Oid> => {
    const [oid] = await Promise.all(objects.map((object) => object.add(Buffer.from(content))));
    return oid ?? ('' as Oid);
  };
  const held = (oid: Oid) => Promise.all(objects.map((object) => object.store.presence(oid)));
  return { modules, without, store, held, silence };
}

describe('deleting blobs', () => {
  it('takes them from all of their own nodes that are registered, and no others', async () => {
    const { without, store, held } = await sample();
    const [gone, kept] = [await store('one'), await store('two')];
    const left = await deleteBlobs([gone], call, without);
    expect(left).toEqual([{ node: 'o3', reason: expect.stringContaining('not registered') }]);
    expect(await held(gone)).toEqual(['MISSING', 'MISSING']);
    expect(await held(kept)).toEqual(['PRESENT', 'PRESENT']);
  });

  it('waits once for a node that does not answer, names it, and asks it nothing more', async () => {
    const { modules, store, held, silence } = await sample();
    const oids = [await store('one'), await store('two')];
    for (const oid of oids) {
      const left = await deleteBlobs([oid], { timeoutMs: 100 }, modules);
      expect(left).toEqual([{ node: 'o3', reason: expect.stringContaining('may keep') }]);
      expect(await held(oid)).toEqual(['MISSING', 'MISSING']);
    }
    expect(modules.silentNodes.errorOf('o3')).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    // The second blob found it remembered.
    expect(silence.connections()).toBe(1);
  });

  it('asks no node that is DOWN, and names it', async () => {
    const { modules, store, silence } = await sample('DOWN');
    const left = await deleteBlobs([await store('one')], call, modules);
    expect(left).toEqual([{ node: 'o3', reason: expect.stringContaining('is DOWN') }]);
    expect(silence.connections()).toBe(0);
  });

  it('rejects for a blob that it could delete nowhere', async () => {
    const { modules, store } = await sample();
    for (const id of ['o1', 'o2', 'o3']) {
      modules.silentNodes.note(id, new StratumError('UNREACHABLE', `${id} is away`, { endpoint: id }));
    }
    const deleting = deleteBlobs([await store('one')], call, modules);
    await expect(deleting).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('rejects with an answer that refuses it', async () => {
    const { modules, store } = await sample('DOWN');
    const oid = await store('one');
    await deleteBlobs([oid], call, modules);
    const topology = modules.topology.current();
    if (topology === undefined) throw new Error('no topology');
    modules.topology.set({ ...topology, term: topology.term - 1n });
    await expect(deleteBlobs([oid], call, modules)).rejects.toMatchObject({ code: 'STALE_TERM' });
  });

  it('ends with its signal', async () => {
    const { modules, store } = await sample();
    const reason = new StratumError('CANCELLED', 'interrupted');
    const deleting = deleteBlobs([await store('one')], { ...call, signal: AbortSignal.abort(reason) }, modules);
    await expect(deleting).rejects.toBe(reason);
  });
});
