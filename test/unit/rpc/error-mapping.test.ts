import { connect, createServer, type Socket } from 'node:net';
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { callServerStream, callUnary } from '../../../src/rpc/call.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { fromRpcError, statusDetailsTrailer, toRpcStatus } from '../../../src/rpc/error-mapping.ts';
import {
  type GetBlobResponse,
  ObjectServiceClient,
  ObjectServiceService,
} from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { serverStream, unary } from '../../../src/rpc/handlers.ts';

const origin = { endpoint: '127.0.0.1:1', method: 'Test', timeoutMs: 250 };

/** What the caller makes of an error that a handler threw. */
function overTheWire(error: unknown): StratumError {
  const { code, details, trailer } = toRpcStatus(error);
  const metadata = new Metadata();
  metadata.set(statusDetailsTrailer, trailer);
  return fromRpcError(Object.assign(new Error(details), { code, details, metadata }), origin);
}

const unreachable = new StratumError('UNREACHABLE', 'connection refused', { endpoint: 'o1:1', attempt: 2 });

const samples: readonly StratumError[] = [
  new StratumError('INVALID_ARGUMENT', 'bad', { field: 'node.id', reason: 'empty', expected: 'a name' }),
  new StratumError('NOT_LEADER', 'c2 leads', { leaderId: 'c2', leaderAddress: 'c2:7480' }),
  new StratumError('NOT_LEADER', 'nobody leads', {}),
  new StratumError('NOT_PRIMARY', 'm2 is', {
    partition: 63,
    primaryId: 'm2',
    primaryAddress: 'm2:1',
    epoch: 2n ** 63n,
  }),
  new StratumError('REPO_MOVED', 'a/b is in partition 7', { partition: 7 }),
  new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current: 2n ** 64n - 1n }),
  new StratumError('ZOMBIE_NODE', 'replaced', { nodeId: 'o1', expectedGeneration: 5n, givenGeneration: 4n }),
  new StratumError('VERSION_CONFLICT', 'moved', { what: 'topology', expected: '4', current: '5' }),
  new StratumError('REPO_NOT_FOUND', 'no repository a/b', { kind: 'repository', id: 'a/b' }, { hint: 'push to it' }),
  new StratumError('INSUFFICIENT_REPLICAS', '1 of 2', {
    required: 2,
    achieved: 1,
    nodes: [{ nodeId: 'o1', endpoint: 'o1:1', attempt: 2, error: unreachable }],
  }),
  new StratumError('NO_QUORUM', 'alone', { what: 'consensus', sinceMs: 1500, have: 1, need: 2 }),
  new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: 'ab', nodeId: 'o1', expected: 'ab', got: 'cd' }),
  new StratumError('RATE_LIMITED', 'slow down', { retryAfterMs: 200 }),
  new StratumError('DEADLINE_EXCEEDED', 'late', { endpoint: 'm1:1', method: 'UpdateRefs', attempt: 1, timeoutMs: 50 }),
  new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 100n, actual: 5n }),
  new StratumError('UNIMPLEMENTED', 'not yet'),
];

describe('an error that crosses the wire', () => {
  it.each(samples.map((error) => [error.code, error] as const))(
    '%s keeps code, message, hint and details',
    (_c, error) => {
      const received = overTheWire(error);
      expect(received.code).toBe(error.code);
      expect(received.message).toBe(error.message);
      expect(received.hint).toBe(error.hint);
      if (error.code !== 'INSUFFICIENT_REPLICAS') expect(received.details).toEqual(error.details);
    },
  );

  it('keeps every node’s error of INSUFFICIENT_REPLICAS with its own details', () => {
    const received = overTheWire(samples.find((error) => error.code === 'INSUFFICIENT_REPLICAS'));
    expect(received.details).toMatchObject({
      required: 2,
      achieved: 1,
      nodes: [{ nodeId: 'o1', attempt: 2, error: { code: 'UNREACHABLE', details: { endpoint: 'o1:1', attempt: 2 } } }],
    });
  });

  it('keeps the chain of causes', () => {
    const error = new StratumError('SHUTTING_DOWN', 'outer', undefined, { cause: unreachable });
    expect(overTheWire(error).cause).toMatchObject({ code: 'UNREACHABLE', message: 'connection refused' });
  });

  it('turns what is not a StratumError into INTERNAL', () => {
    expect(overTheWire(new TypeError('x is undefined'))).toMatchObject({ code: 'INTERNAL', message: 'x is undefined' });
  });
});

describe('an error of the transport', () => {
  it.each([
    [status.UNAVAILABLE, 'UNREACHABLE'],
    [status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
    [status.CANCELLED, 'UNREACHABLE'],
    [status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
    [status.RESOURCE_EXHAUSTED, 'TOO_LARGE'],
    [status.INTERNAL, 'UNREACHABLE'],
    [status.UNKNOWN, 'INTERNAL'],
  ])('status %i becomes %s and names the endpoint', (code, expected) => {
    const metadata = new Metadata();
    const error = fromRpcError(Object.assign(new Error('raw'), { code, details: 'raw', metadata }), origin);
    expect(error.code).toBe(expected);
    expect(error.message).toContain(origin.endpoint);
  });

  it.each([
    [status.CANCELLED, 'CANCELLED'],
    [status.INTERNAL, 'INTERNAL'],
  ])('status %i stays what it is when the peer has answered with it, and not the transport', (code, expected) => {
    const metadata = new Metadata();
    metadata.set('content-type', 'application/grpc');
    const error = fromRpcError(Object.assign(new Error('raw'), { code, details: 'raw', metadata }), origin);
    expect(error.code).toBe(expected);
  });

  it('says why there is no connection in the system’s words, without the library’s', () => {
    const details = 'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ';
    const metadata = new Metadata();
    const raw = Object.assign(new Error(details), { code: status.UNAVAILABLE, details, metadata });
    expect(fromRpcError(raw, origin).message).toBe('Test at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1');
  });

  it('survives a trailer that is not ours', () => {
    const metadata = new Metadata();
    metadata.set(statusDetailsTrailer, Buffer.from([0xff, 0xff, 0xff]));
    const raw = Object.assign(new Error('raw'), { code: status.UNAVAILABLE, details: 'raw', metadata });
    expect(fromRpcError(raw, origin).code).toBe('UNREACHABLE');
  });
});

describe('a call that breaks off', () => {
  const stopped = ({ server }: Cut) => stopAtOnce(server);
  it.each<[string, (cut: Cut) => unknown]>([
    ['whose connection is reset', ({ toClient }) => toClient.resetAndDestroy()],
    ['whose connection is closed', ({ toClient }) => toClient.destroy()],
    ['whose server ends at once', stopped],
    ['whose client gets bytes that are no HTTP/2', ({ toClient }) => toClient.write(Buffer.alloc(64, 0xa5))],
    ['whose server gets bytes that are no HTTP/2', ({ toServer }) => toServer.write(Buffer.alloc(64, 0xa5))],
  ])('%s is UNREACHABLE, unary as in mid-stream', async (_, cut) => {
    const { client, target, made, underWay } = await calls();
    const unaryCall = callUnary(client.hasBlobs.bind(client), { oids: [], verify: false }, target);
    const request = { oid: Buffer.alloc(32), offset: 0n, length: 0n };
    const stream = callServerStream(client.getBlob.bind(client), request, target);
    await Promise.all([stream.next(), underWay]);
    const outcomes = [unaryCall, stream.next()].map((call) => call.catch((error: unknown) => error));
    await cut(made());
    for (const outcome of await Promise.all(outcomes)) {
      expect(outcome).toMatchObject({ code: 'UNREACHABLE', details: { endpoint: target.endpoint, method: 'Test' } });
    }
  });

  it('tells a caller who left his own reason', async () => {
    const { client, target } = await calls();
    const leaving = new AbortController();
    const withSignal = { ...target, signal: leaving.signal };
    const call = callUnary(client.hasBlobs.bind(client), { oids: [], verify: false }, withSignal);
    leaving.abort(new StratumError('CANCELLED', 'no more time'));
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', message: 'no more time' });
  });
});

interface Cut {
  readonly server: GrpcServer;
  readonly toClient: Socket;
  readonly toServer: Socket;
}

/** A server whose calls never end, behind sockets that the test holds. */
async function calls() {
  const { promise: underWay, resolve: begun } = Promise.withResolvers<void>();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(ObjectServiceService, {
    hasBlobs: unary(() => {
      begun();
      return new Promise<never>(() => undefined);
    }),
    getBlob: serverStream<unknown, GetBlobResponse>(async function* (_, { signal }) {
      yield { part: { $case: 'size', value: 1n } };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    }),
  });
  await server.start();
  let sockets: { toClient: Socket; toServer: Socket } | undefined;
  const proxy = createServer((toClient) => {
    const toServer = connect(Number(server.address.split(':')[1]), '127.0.0.1');
    sockets = { toClient, toServer };
    toClient.on('error', () => undefined).on('close', () => toServer.destroy());
    toServer.on('error', () => undefined).on('close', () => toClient.destroy());
    toClient.on('data', (chunk) => toServer.write(chunk));
    toServer.on('data', (chunk) => toClient.destroyed || toClient.write(chunk));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const bound = proxy.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  const endpoint = `127.0.0.1:${bound.port}`;
  const pool = new ChannelPool();
  onTestFinished(async () => {
    pool.close();
    sockets?.toClient.destroy();
    sockets?.toServer.destroy();
    proxy.close();
    await stopAtOnce(server);
  });
  const made = (): Cut => {
    if (sockets === undefined) throw new Error('nobody has connected');
    return { server, ...sockets };
  };
  const target = { clock: systemClock, endpoint, method: 'Test', timeoutMs: 10_000 };
  return { client: pool.client(ObjectServiceClient, endpoint), target, made, underWay };
}

async function stopAtOnce(server: GrpcServer): Promise<void> {
  const atOnce = new AbortController();
  const stopping = server.stop(atOnce.signal);
  atOnce.abort();
  await stopping;
}
