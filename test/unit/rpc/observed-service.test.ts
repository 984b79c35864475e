import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { callClientStream, callDuplex, callServerStream, callUnary } from '../../../src/rpc/call.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import {
  type GetBlobResponse,
  ObjectServiceClient,
  ObjectServiceService,
} from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { clientStream, duplex, serverStream, unary } from '../../../src/rpc/handlers.ts';
import { observedService, type ServedCall } from '../../../src/rpc/observed-service.ts';
import { traceparentInterceptor } from '../../../src/rpc/traceparent-interceptor.ts';

const full = new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 1n });
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const sizeMessage: GetBlobResponse = { part: { $case: 'size', value: 1n } };
const oneBlob = { oid: Buffer.alloc(32), offset: 0n, length: 0n };

/** A service behind two observers, and what they were told. */
async function observed(service: UntypedServiceImplementation) {
  const told: string[][] = [[], []];
  const calls: ServedCall[] = [];
  const observers = told.map((lines) => ({
    serving(call: ServedCall) {
      calls.push(call);
      return {
        answered: () => void lines.push(`${call.method} answered`),
        ended: (code: string) => void lines.push(`${call.method} ${code}`),
      };
    },
  }));
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(ObjectServiceService, observedService(ObjectServiceService, service, observers));
  await server.start();
  let current: string | undefined;
  const pool = new ChannelPool({}, { clock: systemClock, interceptors: [traceparentInterceptor(() => current)] });
  onTestFinished(async () => {
    pool.close();
    await server.stop(AbortSignal.timeout(1_000));
  });
  const client = pool.client(ObjectServiceClient, server.address);
  const target = { clock: systemClock, endpoint: server.address, method: 'Test', timeoutMs: 10_000 };
  const settled = async (count: number) => {
    while (told.some((lines) => lines.length < count)) await new Promise(setImmediate);
    expect(told[0]).toEqual(told[1]);
    return told[0];
  };
  return { client, target, calls, settled, trace: (value: string | undefined) => (current = value) };
}

async function* streamOf<T>(...items: T[]): AsyncGenerator<T, void, undefined> {
  yield* items;
}

describe('observedService', () => {
  it.each([
    ['OK', async () => ({ results: [] })],
    ['DISK_FULL', async () => Promise.reject(full)],
    ['INTERNAL', async () => Promise.reject(new TypeError('a bug'))],
  ] as const)('tells of a unary call that ends with %s, and changes nothing of it', async (code, handler) => {
    const { client, target, settled } = await observed({ hasBlobs: unary(handler) });
    const call = callUnary(client.hasBlobs.bind(client), { oids: [], verify: false }, target);
    const outcome = await call.then(
      () => 'OK',
      (error: unknown) => (error instanceof StratumError ? error.code : error),
    );
    expect(outcome).toBe(code);
    expect(await settled(1)).toEqual([`HasBlobs ${code}`]);
  });

  it('tells of calls with a stream of requests, and with one of answers', async () => {
    const { client, target, settled } = await observed({
      putBlob: clientStream(async (requests) => {
        for await (const _ of requests);
        throw full;
      }),
      getBlob: serverStream(async function* () {
        yield sizeMessage;
      }),
    });
    const put = callClientStream(client.putBlob.bind(client), streamOf({ part: undefined }), target);
    await expect(put).rejects.toMatchObject({ code: 'DISK_FULL' });
    await Array.fromAsync(callServerStream(client.getBlob.bind(client), oneBlob, target));
    expect(await settled(3)).toEqual(['PutBlob DISK_FULL', 'GetBlob answered', 'GetBlob OK']);
  });

  it('tells of each answer of a bidirectional stream, and once of its end', async () => {
    const { client, target, settled, calls } = await observed({
      getBlobs: duplex(async function* (requests) {
        for await (const _ of requests) yield { results: [] };
        throw full;
      }),
    });
    const responses = callDuplex(client.getBlobs.bind(client), streamOf({ oids: [] }, { oids: [] }), target);
    await expect(Array.fromAsync(responses)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await settled(3)).toEqual(['GetBlobs answered', 'GetBlobs answered', 'GetBlobs DISK_FULL']);
    expect(calls[0]?.isBidirectional).toBe(true);
  });

  it('tells of a caller who goes away in mid-stream', async () => {
    const { client, target, settled } = await observed({
      getBlob: serverStream(async function* (_, { signal }) {
        yield sizeMessage;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }),
    });
    const stream = callServerStream(client.getBlob.bind(client), oneBlob, target);
    await stream.next();
    await stream.return();
    expect(await settled(2)).toEqual(['GetBlob answered', 'GetBlob CANCELLED']);
  });

  it('tells where in a trace the caller is, if he is in one', async () => {
    const { client, target, calls, trace } = await observed({ hasBlobs: unary(async () => ({ results: [] })) });
    const call = () => callUnary(client.hasBlobs.bind(client), { oids: [], verify: false }, target);
    await call();
    trace(traceparent);
    await call();
    expect(calls.map((each) => each.traceparent)).toEqual([undefined, undefined, traceparent, traceparent]);
  });

  it('is the service itself when nobody observes', () => {
    const service = { hasBlobs: unary(async () => ({ results: [] })) };
    expect(observedService(ObjectServiceService, service, [])).toBe(service);
  });
});
