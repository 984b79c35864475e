import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { FrameStream } from '../../../../src/replication/remote/frame-stream.ts';
import { FrameReader, frameKinds, frameOf } from '../../../../src/rpc/blob-frames.ts';
import { errorFrame } from '../../../../src/rpc/frame-error.ts';
import { FrameRoom } from '../../../../src/rpc/frame-room.ts';
import { GetBlobsRequest, type GetBlobsResponse } from '../../../../src/rpc/gen/stratum/v1/object.ts';
import { encodeGetBlobsResponse } from '../../../../src/rpc/small-blob-codec.ts';
import { getBlobsStream } from '../../../../src/rpc/small-blob-frames.ts';

const agreed = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: stratum-blobs/1\r\n\r\n';
const question = (fill: number): GetBlobsRequest => ({ oids: [Buffer.alloc(32, fill)] });
const answer = (fill: number, length = 10): GetBlobsResponse => ({
  results: [{ oid: Buffer.alloc(32, fill), presence: 1, content: Buffer.alloc(length, fill), error: Buffer.alloc(0) }],
});
const answerFrame = (fill: number, length?: number) =>
  frameOf(frameKinds.getResponse, encodeGetBlobsResponse(answer(fill, length)));
const full = new StratumError('DISK_FULL', 'full', { what: 'disk', limit: 1n });

describe('FrameStream', () => {
  let listener: Server;
  let port: number;
  let connections: Promise<Socket>;
  let stream: FrameStream<GetBlobsRequest, GetBlobsResponse>;
  let events: unknown[];

  const open = (to = port) => {
    events = [];
    const place = { host: '127.0.0.1', port: to, endpoint: `127.0.0.1:${to}`, method: 'GetBlobs' };
    stream = new FrameStream(place, { stream: getBlobsStream, room: new FrameRoom() });
    stream.on('data', (response) => events.push(response));
    stream.on('drain', () => events.push('drain'));
    stream.on('end', () => events.push('end'));
    stream.on('error', (error) => events.push(error));
  };
  beforeEach(async () => {
    const first = Promise.withResolvers<Socket>();
    connections = first.promise;
    listener = createServer((socket) => {
      socket.on('error', () => undefined);
      first.resolve(socket);
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    open();
  });
  afterEach(async () => {
    stream.cancel();
    listener.close();
    (await connections).destroy();
  });

  it('asks for the upgrade, holds what is written until the node agrees, and gives the answers in order', async () => {
    const asked: number[] = [];
    expect([stream.write(question(1)), stream.write(question(2))]).toEqual([true, true]);
    const node = await connections;
    const [request] = await once(node, 'data');
    expect(request.toString()).toMatch(
      /^GET \/streams\/GetBlobs HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nconnection: upgrade\r\nupgrade: stratum-blobs\/1\r\n\r\n$/,
    );
    const reader = new FrameReader(
      { kinds: [frameKinds.getRequest] },
      { onFrame: (_, payload) => void asked.push(GetBlobsRequest.decode(payload).oids[0]?.[0] ?? -1) },
    );
    node.on('data', (chunk: Buffer) => reader.take(chunk));
    node.write(agreed);
    await expect.poll(() => asked).toEqual([1, 2]);
    stream.write(question(3));
    await expect.poll(() => asked).toEqual([1, 2, 3]);
    node.write(Buffer.concat([answerFrame(1), answerFrame(2, 300_000)]));
    node.write(answerFrame(3));
    await expect.poll(() => events.length).toBe(3);
    expect(events).toEqual([answer(1), answer(2, 300_000), answer(3)]);
  });

  it('takes frames that come with the agreement, and both in single bytes', async () => {
    const node = await connections;
    for (const byte of Buffer.concat([Buffer.from(agreed), answerFrame(1)])) {
      node.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => events).toEqual([answer(1)]);
  });

  it.each([
    ['something that is no HTTP', 'hello\r\n\r\n', 'DATA_CORRUPT'],
    ['headers without an end', `HTTP/1.1 101 x\r\n${'x'.repeat(9_000)}`, 'DATA_CORRUPT'],
    ['that there is no such stream', 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', 'UNIMPLEMENTED'],
    ['another protocol', agreed.replace('blobs/1', 'blobs/2'), 'UNIMPLEMENTED'],
    ['that it has too many', 'HTTP/1.1 503 Service Unavailable\r\n\r\n', 'OVERLOADED'],
    ['a damaged frame', Buffer.concat([Buffer.from(agreed), answerFrame(1).fill(0, 20, 21)]), 'DATA_CORRUPT'],
    [
      'a frame of another kind',
      agreed + frameOf(frameKinds.putResponse, Buffer.alloc(0)).toString('latin1'),
      'DATA_CORRUPT',
    ],
    [
      'a frame that is no message',
      Buffer.concat([Buffer.from(agreed), frameOf(frameKinds.getResponse, Buffer.alloc(9, 255))]),
      'DATA_CORRUPT',
    ],
    ['a frame with an error', Buffer.concat([Buffer.from(agreed), errorFrame(full)]), 'DISK_FULL'],
    [
      'a frame with an error that is none',
      Buffer.concat([Buffer.from(agreed), frameOf(frameKinds.error, Buffer.alloc(0))]),
      'DATA_CORRUPT',
    ],
  ] as const)('fails when the node says %s, once, and closes the connection', async (_, said, code) => {
    const node = await connections;
    node.resume();
    const closed = once(node, 'close');
    node.write(typeof said === 'string' ? Buffer.from(said, 'latin1') : said);
    await closed;
    expect(events).toMatchObject([{ code }]);
  });

  it.each([
    ['before it has agreed', ''],
    ['in mid-frame', agreed + answerFrame(1).subarray(0, 20).toString('latin1')],
  ])('is UNREACHABLE when the connection ends %s', async (_, said) => {
    const node = await connections;
    node.end(Buffer.from(said, 'latin1'));
    await expect.poll(() => events).toMatchObject([{ code: 'UNREACHABLE', details: { method: 'GetBlobs' } }]);
  });

  it('is UNREACHABLE when the connection is reset, or was never made', async () => {
    const node = await connections;
    node.write(agreed);
    node.resetAndDestroy();
    await expect.poll(() => events).toMatchObject([{ code: 'UNREACHABLE' }]);
    listener.close();
    open();
    await expect
      .poll(() => events)
      .toMatchObject([{ code: 'UNREACHABLE', details: { endpoint: `127.0.0.1:${port}` } }]);
  });

  it('ends when the node ends between two frames', async () => {
    const node = await connections;
    node.end(Buffer.concat([Buffer.from(agreed), answerFrame(1)]));
    await expect.poll(() => events).toEqual([answer(1), 'end']);
  });

  it('says nothing more once it was cancelled', async () => {
    const node = await connections;
    stream.cancel();
    node.write(agreed);
    await once(node, 'close');
    expect(events).toEqual([]);
  });

  it('lets the node know when it ends, and says nothing of the node’s own end', async () => {
    const node = await connections;
    node.write(agreed);
    node.resume();
    const ended = once(node, 'end');
    stream.end();
    await ended;
    node.end();
    await once(node, 'close');
    expect(events).toEqual([]);
  });

  it('says when the node is behind, and when it has caught up', async () => {
    const node = await connections;
    await once(node, 'data');
    node.pause();
    node.write(agreed);
    const large: GetBlobsRequest = { oids: Array.from({ length: 30_000 }, () => Buffer.alloc(32)) };
    stream.write(large); // Held: the node may not have agreed yet.
    await expect.poll(() => stream.write(large), { interval: 10 }).toBe(false);
    // More than the buffers of the system take, so that the node can only have caught up when it reads.
    for (let sent = 0; sent < 40; sent += 1) stream.write(large);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    events.length = 0;
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual([]);
    node.resume();
    await expect.poll(() => events).toEqual(['drain']);
  });
});
