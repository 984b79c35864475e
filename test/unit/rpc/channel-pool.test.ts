import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { callUnary } from '../../../src/rpc/call.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { ObjectServiceClient, ObjectServiceService } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { unary } from '../../../src/rpc/handlers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(): Promise<string> {
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(ObjectServiceService, { hasBlobs: unary(async () => ({ results: [] })) });
  await server.start();
  closers.push(() => server.stop(AbortSignal.timeout(1000)));
  return server.address;
}

function poolOf(): ChannelPool {
  const pool = new ChannelPool();
  closers.push(() => pool.close());
  return pool;
}

function has(pool: ChannelPool, address: string, timeoutMs = 5000) {
  const client = pool.client(ObjectServiceClient, address);
  const target = { clock: systemClock, endpoint: address, method: 'HasBlobs', timeoutMs };
  return callUnary(client.hasBlobs.bind(client), { oids: [], verify: false }, target);
}

/** Counts the connections that pass through to `address`. */
async function counted(address: string): Promise<{ address: string; connections: () => number }> {
  const { connect } = await import('node:net');
  let connections = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    connections += 1;
    const peer = connect(Number(address.split(':')[1]), '127.0.0.1');
    sockets.add(socket).add(peer);
    socket.on('error', () => peer.destroy()).pipe(peer);
    peer.on('error', () => socket.destroy()).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const bound = proxy.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return { address: `127.0.0.1:${bound.port}`, connections: () => connections };
}

describe('ChannelPool', () => {
  it('makes one connection however many callers wait for it', async () => {
    const proxy = await counted(await serve());
    const pool = poolOf();
    await Promise.all(Array.from({ length: 100 }, () => has(pool, proxy.address)));
    expect(proxy.connections()).toBe(1);
  });

  it('connects anew after an address was dropped', async () => {
    const proxy = await counted(await serve());
    const pool = poolOf();
    await has(pool, proxy.address);
    pool.drop(proxy.address);
    await has(pool, proxy.address);
    expect(proxy.connections()).toBe(2);
  });

  it('fails calls after it was closed instead of leaking a connection', async () => {
    const address = await serve();
    const pool = poolOf();
    pool.close();
    await expect(has(pool, address)).rejects.toBeInstanceOf(Error);
  });

  it('ends a call at its deadline when the peer accepts the connection and never speaks', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closers.push(() => silent.close());
    const bound = silent.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    const pool = poolOf();
    await expect(has(pool, `127.0.0.1:${bound.port}`, 100)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});
