import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { FrameReader, frameKinds, frameOf, framePayloadBytesMax } from '../../../src/rpc/blob-frames.ts';
import { encodeFence } from '../../../src/rpc/fence-codec.ts';
import { errorOfFrame } from '../../../src/rpc/frame-error.ts';
import { PutBlobsRequest, PutBlobsResponse } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import type { DuplexHandler } from '../../../src/rpc/handlers.ts';
import { type SmallBlobHandlers, smallBlobServices } from '../../../src/rpc/small-blob-services.ts';
import { untilEnding } from '../../../src/rpc/until-ending.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';

type PutBlobs = SmallBlobHandlers['putBlobs'];

const { putRequest, putResponse, getRequest, error: errorKind } = frameKinds;
const upgrade = (path = '/streams/PutBlobs', protocol = 'stratum-blobs/1') =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;
const requestOf = (term: bigint, content = Buffer.alloc(10)) =>
  Buffer.from(
    PutBlobsRequest.encode({
      fence: encodeFence({ term, ringEpoch: 1n }),
      blobs: [{ oid: Buffer.alloc(32), content }],
    }).finish(),
  );
const put = (term: bigint) => frameOf(putRequest, requestOf(term));
/** A response of which `term` is the number of results. */
const answered = (term: number) => ({
  results: Array.from({ length: term }, () => ({
    oid: Buffer.alloc(32),
    stored: true,
    existed: false,
    error: Buffer.alloc(0),
  })),
});

/** A caller of the listener that need not keep to the protocol. */
class RudeCaller {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  /** What came before the frames. */
  head = '';
  /** The terms of the answers, and the code of the error that ended them. */
  readonly said: (number | string)[] = [];

  constructor(port: number) {
    // Half open, as of a caller that only says that it sends no more.
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    const reader = new FrameReader(
      { kinds: [putResponse, errorKind] },
      {
        onFrame: (kind, payload) => {
          const isError = kind === errorKind;
          this.said.push(isError ? errorOfFrame(payload).code : PutBlobsResponse.decode(payload).results.length);
        },
      },
    );
    this.socket.on('data', (chunk: Buffer) => {
      if (this.head.endsWith('\r\n\r\n')) {
        reader.take(chunk);
        return;
      }
      const text = this.head + chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n') + 4;
      this.head = text.slice(0, end);
      reader.take(Buffer.from(text.slice(end), 'latin1'));
    });
    this.socket.on('end', () => this.socket.end());
  }
}

describe('a served stream of frames', () => {
  let clock: ManualClock;
  let server: GrpcServer;
  let port: number;
  let seen: bigint[];
  let ended: Promise<void>;

  /** Answers each request with as many results as its term says, and remembers the terms. */
  const echo: PutBlobs = async function* (requests, { ending }) {
    for await (const { fence } of untilEnding(iterate(requests), ending)) {
      seen.push(fence?.term ?? -1n);
      yield answered(Number(fence?.term));
    }
  };

  const listen = async (putBlobs: PutBlobs, options: { readonly streamsMax?: number } = {}) => {
    clock = manualClock();
    seen = [];
    const over = Promise.withResolvers<void>();
    ended = over.promise;
    const watched: PutBlobs = async function* (requests, context) {
      try {
        yield* putBlobs(requests, context);
      } finally {
        over.resolve();
      }
    };
    server = new GrpcServer({ host: '127.0.0.1', port: 0, ...options }, { clock });
    const getBlobs: SmallBlobHandlers['getBlobs'] = async function* () {
      yield* [];
    };
    server.serveStreams(smallBlobServices({ putBlobs: watched, getBlobs }));
    await server.start();
    port = Number(server.address.split(':')[1]);
  };
  const call = (...bytes: (Buffer | string)[]) => {
    const caller = new RudeCaller(port);
    for (const part of bytes) caller.socket.write(part);
    return caller;
  };
  beforeEach(() => listen(echo));
  afterEach(() => server.stop(AbortSignal.abort()));

  it('answers in the order of the requests, also those that come with the upgrade, and ends with its caller', async () => {
    const caller = call(Buffer.concat([Buffer.from(upgrade()), put(1n), put(2n)]), put(3n));
    caller.socket.end();
    await caller.closed;
    expect(caller.head).toMatch(/^HTTP\/1\.1 101 [\s\S]*upgrade: stratum-blobs\/1/);
    expect([caller.said, seen]).toEqual([
      [1, 2, 3],
      [1n, 2n, 3n],
    ]);
    await expect.poll(() => clock.pendingTimers()).toBe(0);
  });

  it('reads a request that comes byte by byte', async () => {
    const caller = call(upgrade());
    for (const byte of put(7n)) {
      caller.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => caller.said).toEqual([7]);
    caller.socket.destroy();
    await ended;
  });

  it('believes nothing of a put of which a bit was flipped, and says so', async () => {
    const frame = put(1n);
    const flips = Array.from({ length: 24 }, (_, index) => Math.floor((index * frame.length * 8) / 24));
    for (const bit of flips) {
      const flipped = Buffer.from(frame);
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      const caller = call(upgrade(), flipped);
      await caller.closed;
      expect(caller.said).toEqual(['DATA_CORRUPT']);
    }
    expect(seen).toEqual([]);
  });

  it.each([
    ['a frame of another kind', frameOf(getRequest, Buffer.alloc(0)), 'DATA_CORRUPT'],
    ['a frame that is too long', frameOf(putRequest, Buffer.alloc(framePayloadBytesMax + 1)), 'DATA_CORRUPT'],
    ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), 'DATA_CORRUPT'],
    ['a frame of bytes that are no message', frameOf(putRequest, Buffer.alloc(9, 255)), 'INVALID_ARGUMENT'],
  ])('refuses %s, after the answers before it, and closes the connection', async (_, bytes, code) => {
    const caller = call(upgrade(), put(1n), bytes, put(2n));
    await caller.closed;
    expect([caller.said.at(-1), seen.includes(2n)]).toEqual([code, false]);
  });

  it('ends with the error of the handler, after the answers before it', async () => {
    await server.stop(AbortSignal.abort());
    await listen(async function* (requests) {
      for await (const _ of requests) {
        yield answered(1);
        throw new StratumError('DISK_FULL', 'full', { what: 'disk', limit: 1n });
      }
    });
    const caller = call(upgrade(), put(1n));
    await caller.closed;
    expect(caller.said).toEqual([1, 'DISK_FULL']);
    await expect.poll(() => clock.pendingTimers()).toBe(0);
  });

  it('gives a caller up that closes in mid-frame, and takes nothing of that frame', async () => {
    const caller = call(upgrade(), put(1n));
    await expect.poll(() => caller.said).toEqual([1]);
    caller.socket.end(put(2n).subarray(0, 30));
    await caller.closed;
    await ended;
    expect([caller.said[0], seen]).toEqual([1, [1n]]);
  });

  it('disconnects a caller that goes silent between frames, and not before its time', async () => {
    const caller = call(upgrade(), put(1n));
    await expect.poll(() => caller.said).toEqual([1]);
    clock.advance(60_000);
    await turns();
    expect(caller.socket.destroyed).toBe(false);
    clock.advance(10_000);
    await caller.closed;
    await ended;
    await expect.poll(() => clock.pendingTimers()).toBe(0);
  });

  it('disconnects a caller that sends a frame byte by byte for ever, however little it is silent', async () => {
    const caller = call(upgrade(), put(1n));
    await expect.poll(() => caller.said).toEqual([1]);
    for (const byte of put(2n).subarray(0, 30)) {
      if (caller.socket.destroyed) break;
      caller.socket.write(Buffer.of(byte));
      await turns();
      clock.advance(10_000);
      await turns();
    }
    expect(caller.socket.destroyed).toBe(true);
    await ended;
    expect(seen).toEqual([1n]);
  });

  it('does not read on, nor ask the handler for more, while its caller reads no answers; then gives it up', async () => {
    await server.stop(AbortSignal.abort());
    let given = 0;
    await listen(async function* (requests) {
      for await (const _ of requests) {
        given += 1;
        yield answered(20_000); // About 800 KB.
      }
    });
    const caller = call(upgrade(), put(1n));
    await once(caller.socket, 'data');
    caller.socket.pause();
    const frame = frameOf(putRequest, requestOf(1n, Buffer.alloc(600_000)));
    for (let sent = 0; sent < 80; sent += 1) caller.socket.write(frame);
    let before = -1;
    const isStill = () => {
      const unsent = caller.socket.writableLength;
      const same = before === unsent;
      before = unsent;
      return same;
    };
    await expect.poll(isStill, { interval: 200, timeout: 10_000 }).toBe(true);
    // The rest is in the buffers of the system, some 10 MB at most.
    expect(before).toBeGreaterThan(20_000_000);
    expect(given).toBeLessThan(60);
    let isEnded = false;
    void ended.then(() => {
      isEnded = true;
    });
    const advanced = () => {
      clock.advance(10_000);
      return isEnded;
    };
    await expect.poll(advanced, { timeout: 10_000 }).toBe(true);
    caller.socket.destroy();
  });

  it.each(['breaks the connection', 'says no more'])('tells the handler when its caller %s', async (how) => {
    await server.stop(AbortSignal.abort());
    const told = Promise.withResolvers<unknown>();
    const hang: DuplexHandler<PutBlobsRequest, PutBlobsResponse> = async function* (_, { signal }) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      told.resolve(signal.reason);
      yield* [];
    };
    await listen(hang);
    const caller = call(upgrade());
    await once(caller.socket, 'data');
    if (how === 'breaks the connection') caller.socket.resetAndDestroy();
    else caller.socket.end();
    await turns();
    if (how === 'says no more') clock.advance(50_000);
    expect(await told.promise).toMatchObject({ code: 'CANCELLED' });
  });

  it.each([
    ['another protocol', upgrade('/streams/PutBlobs', 'websocket')],
    ['a path that is none', upgrade('/streams/HasBlobs')],
    ['a method that is no GET', upgrade().replace('GET', 'POST')],
  ])('answers a request for %s over HTTP', async (_, request) => {
    const caller = call(request);
    await caller.closed;
    expect(caller.head).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('refuses more streams than it may have, until one has ended', async () => {
    await server.stop(AbortSignal.abort());
    await listen(echo, { streamsMax: 3 });
    const callers = [1, 2, 3].map(() => call(upgrade()));
    await expect.poll(() => callers.filter(({ head }) => head.includes(' 101 ')).length).toBe(3);
    const fourth = call(upgrade());
    await fourth.closed;
    expect(fourth.head).toMatch(/^HTTP\/1\.1 503 /);
    callers[0]?.socket.destroy();
    const isAdmitted = async () => {
      const next = call(upgrade());
      await expect.poll(() => next.head).not.toBe('');
      return next.head.includes(' 101 ');
    };
    await expect.poll(isAdmitted).toBe(true);
    for (const { socket } of callers) socket.destroy();
  });

  it('ends streams in order when the listener stops: what was asked is answered, and nobody waits for a grace period', async () => {
    const callers = [1n, 2n, 3n].map((term) => call(upgrade(), put(term)));
    await expect.poll(() => callers.map(({ said }) => said)).toEqual([[1], [2], [3]]);
    await server.stop(new AbortController().signal);
    await Promise.all(callers.map(({ closed }) => closed));
    expect(callers.map(({ said }) => said)).toEqual([[1], [2], [3]]);
    await expect.poll(() => clock.pendingTimers()).toBe(0);
  });

  it('disconnects who does not end when the listener stops, after the grace period', async () => {
    await server.stop(AbortSignal.abort());
    await listen(async function* () {
      await new Promise<never>(() => undefined);
      yield* [];
    });
    const caller = call(upgrade());
    await once(caller.socket, 'data');
    const stopped = server.stop(new AbortController().signal);
    clock.advance(5_000);
    await Promise.all([stopped, caller.closed]);
  });
});

/** Time for what was sent on a connection of this machine to arrive. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function* iterate<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items;
}
