import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { callClientStream, callDuplex, callServerStream, callUnary } from '../../../src/rpc/call.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import {
  GetBlobResponse,
  ObjectServiceClient,
  type ObjectServiceServer,
  ObjectServiceService,
  type PutBlobRequest,
} from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { clientStream, duplex, serverStream, unary } from '../../../src/rpc/handlers.ts';
import { unimplemented, unimplementedStream } from '../../../src/rpc/unimplemented.ts';

const chunk = Buffer.alloc(64 * 1024, 7);
const seen = { put: 0, sent: 0, cancelled: Promise.withResolvers<void>() };

/** A service whose answers depend on the first byte of the id asked for. */
const implementation = {
  hasBlobs: unary(async ({ oids }) => {
    const [first] = oids;
    if (first?.[0] === 1) throw new StratumError('BLOB_NOT_FOUND', 'no', { kind: 'blob', id: '01' });
    if (first?.[0] === 2) return new Promise<never>(() => undefined);
    return { results: [] };
  }),
  putBlob: clientStream(async (requests: AsyncIterable<PutBlobRequest>) => {
    for await (const { part } of requests) {
      seen.put += 1;
      if (part?.$case === 'chunk' && part.value[0] === 9)
        throw new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 1n });
    }
    return { existed: false };
  }),
  getBlob: serverStream(async function* ({ length }, { signal }) {
    signal.addEventListener('abort', () => seen.cancelled.resolve());
    for (let index = 0n; index < length; index += 1n) {
      seen.sent += 1;
      yield GetBlobResponse.fromPartial({ part: { $case: 'chunk', value: chunk } });
    }
    if (length === 3n) throw new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: 'ab', expected: 'ab', got: 'cd' });
  }),
  putBlobs: duplex(async function* (requests) {
    for await (const request of requests) {
      yield {
        results: request.blobs.map(({ oid }) => ({ oid, stored: true, existed: false, error: Buffer.alloc(0) })),
      };
    }
  }),
  getBlobs: duplex(unimplementedStream('GetBlobs')),
  deleteBlob: unary(unimplemented('DeleteBlob')),
  listBlobs: unary(unimplemented('ListBlobs')),
  getStats: unary(unimplemented('GetStats')),
  putCacheEntry: clientStream(unimplemented('PutCacheEntry')),
  getCacheEntry: serverStream(unimplementedStream('GetCacheEntry')),
} satisfies ObjectServiceServer;

const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
const pool = new ChannelPool();
let client: ObjectServiceClient;

beforeAll(async () => {
  server.add(ObjectServiceService, implementation);
  await server.start();
  client = pool.client(ObjectServiceClient, server.address);
});
afterAll(async () => {
  pool.close();
  await server.stop(AbortSignal.timeout(1000));
});

const target = (timeoutMs = 10_000, signal?: AbortSignal) => ({
  clock: systemClock,
  endpoint: server.address,
  method: 'Test',
  timeoutMs,
  signal,
});
const has = (byte: number, timeoutMs?: number, signal?: AbortSignal) =>
  callUnary(client.hasBlobs.bind(client), { oids: [Buffer.from([byte])], verify: false }, target(timeoutMs, signal));

describe('a unary call', () => {
  it('gives the answer', async () => {
    await expect(has(0)).resolves.toEqual({ results: [] });
  });

  it('rejects with the handler’s own error', async () => {
    await expect(has(1)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND', details: { kind: 'blob', id: '01' } });
  });

  it('ends at its deadline when the peer accepts and never answers', async () => {
    await expect(has(2, 50)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { timeoutMs: 50 } });
  });

  it('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const call = has(2, 10_000, controller.signal);
    controller.abort(new StratumError('SHUTTING_DOWN', 'bye'));
    await expect(call).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('says which endpoint cannot be reached', async () => {
    const lonely = pool.client(ObjectServiceClient, '127.0.0.1:1');
    const call = callUnary(
      lonely.hasBlobs.bind(lonely),
      { oids: [], verify: false },
      { ...target(), endpoint: '127.0.0.1:1' },
    );
    await expect(call).rejects.toMatchObject({ code: 'UNREACHABLE', details: { endpoint: '127.0.0.1:1' } });
  });

  it('answers UNIMPLEMENTED in the open', async () => {
    await expect(callUnary(client.getStats.bind(client), {}, target())).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
    });
  });
});

async function* blob(first: number, count: number, report?: { produced: number }): AsyncGenerator<PutBlobRequest> {
  for (let index = 0; index < count; index += 1) {
    if (report !== undefined) report.produced += 1;
    const value = Buffer.alloc(256 * 1024, index === 0 ? first : 0);
    yield { part: { $case: 'chunk', value } };
  }
}

describe('a client-streaming call', () => {
  it('sends everything', async () => {
    seen.put = 0;
    await callClientStream(client.putBlob.bind(client), blob(0, 20), target());
    expect(seen.put).toBe(20);
  });

  it('ends with the refusal when the peer answers early, without sending the rest', async () => {
    const report = { produced: 0 };
    const call = callClientStream(client.putBlob.bind(client), blob(9, 100_000, report), target());
    await expect(call).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(report.produced).toBeLessThan(1000);
  });

  it('rejects with the error of its own source', async () => {
    async function* broken(): AsyncGenerator<PutBlobRequest> {
      yield* blob(0, 1);
      throw new Error('disk gone');
    }
    await expect(callClientStream(client.putBlob.bind(client), broken(), target())).rejects.toThrow('disk gone');
  });
});

describe('a server-streaming call', () => {
  const get = (length: bigint) =>
    callServerStream(client.getBlob.bind(client), { oid: Buffer.alloc(32), offset: 0n, length }, target());

  it('yields all messages in order and ends', async () => {
    let count = 0;
    for await (const { part } of get(5n)) if (part?.$case === 'chunk') count += 1;
    expect(count).toBe(5);
  });

  it('never ends cleanly after a failure in mid-stream', async () => {
    let count = 0;
    const reading = (async () => {
      for await (const _ of get(3n)) count += 1;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(count).toBe(3);
  });

  it('holds the sender back when the reader is slow, and cancels it when the reader leaves', async () => {
    seen.sent = 0;
    seen.cancelled = Promise.withResolvers();
    for await (const _ of get(100_000n)) break;
    await seen.cancelled.promise;
    expect(seen.sent).toBeLessThan(10_000);
  });
});

async function* nothing(): AsyncGenerator<never> {
  yield* [];
}

describe('a bidirectional call', () => {
  it('answers while it is still being sent to', async () => {
    const { promise: firstAnswer, resolve } = Promise.withResolvers<void>();
    async function* requests() {
      yield { fence: undefined, blobs: [{ oid: Buffer.from([1]), content: chunk }] };
      await firstAnswer;
      yield { fence: undefined, blobs: [{ oid: Buffer.from([2]), content: chunk }] };
    }
    const answers: number[] = [];
    for await (const { results } of callDuplex(client.putBlobs.bind(client), requests(), target())) {
      answers.push(...results.map(({ oid }) => oid[0] ?? 0));
      resolve();
    }
    expect(answers).toEqual([1, 2]);
  });

  it('rejects with the peer’s error', async () => {
    const reading = (async () => {
      for await (const _ of callDuplex(client.getBlobs.bind(client), nothing(), target())) break;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });
});
