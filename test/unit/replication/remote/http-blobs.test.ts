import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { oidOf } from '../../../../src/base/oid.ts';
import type { BlobSource } from '../../../../src/replication/blob-source.ts';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';
import { HttpBlobs } from '../../../../src/replication/remote/http-blobs.ts';
import { answerChecksum, toHttpError } from '../../../../src/rpc/blob-http.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { bytesOf, contentOf } from '../../store/sample-blobs.ts';

const fence = { term: 1n, ringEpoch: 1n };
const options = { timeoutMs: 10_000 };
const content = contentOf(1_000_000);
const oid = oidOf(content);
const full = new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 1n });

describe('HttpBlobs at a node that misbehaves', () => {
  let server: Server;
  let endpoint: string;
  let sockets: Set<Socket>;
  /** What the node does with what it is sent. */
  let behave: (socket: Socket, said: string) => void;

  beforeEach(async () => {
    sockets = new Set();
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => behave(socket, chunk.toString('latin1')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    endpoint = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close').catch(() => undefined);
  });

  const client = (clock = systemClock) => new HttpBlobs({ endpoint }, { clock });
  const read = async (blobs: HttpBlobs) => bytesOf((await blobs.get(oid, { offset: 0 }, options)).chunks);
  const line = { method: 'GET', path: `/blobs/${oid}` };
  const head = (size: number | string, of: Record<string, string | number> = { 'stratum-size': size }) =>
    `HTTP/1.1 200 OK\r\nstratum-size: ${size}\r\nstratum-checksum: ${answerChecksum(line, of)}\r\ntransfer-encoding: chunked\r\ntrailer: stratum-error\r\n\r\n`;
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const answer = (error: StratumError) => {
    const { status, body } = toHttpError(error);
    return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n`), body]);
  };

  it.each([
    ['closes at once', '', 'UNREACHABLE'],
    ['says what is no HTTP', 'hello, who is there?\r\n\r\n', 'DATA_CORRUPT'],
    ['gives no checksum', 'HTTP/1.1 200 OK\r\nstratum-size: 5\r\ncontent-length: 0\r\n\r\n', 'DATA_CORRUPT'],
    ['gives another size than it has the checksum of', head(5, { 'stratum-size': 4 }), 'DATA_CORRUPT'],
    ['gives no size', head('', {}), 'DATA_CORRUPT'],
    ['gives a size beyond counting', head('9'.repeat(16)), 'DATA_CORRUPT'],
    ['gives an error that is none', 'HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\nabc', 'DATA_CORRUPT'],
    ['gives an empty error', 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n', 'DATA_CORRUPT'],
    ['breaks off in the middle', `${head(10)}${chunk('01234')}`, 'UNREACHABLE'],
    ['ends the bytes too early', `${head(10)}${chunk('01234')}0\r\n\r\n`, 'UNREACHABLE'],
    ['gives too many bytes', `${head(3)}${chunk('01234')}0\r\n\r\n`, 'DATA_CORRUPT'],
    [
      'says in the trailer that its copy is bad',
      `${head(10)}${chunk('01234')}0\r\nstratum-error: AAAA\r\n\r\n`,
      'DATA_CORRUPT',
    ],
  ])('does not take for a blob what a node sends that %s', async (_, said, code) => {
    behave = (socket) => socket.end(said, 'latin1');
    await expect(read(client())).rejects.toMatchObject({ code });
  });

  it.each([
    [
      'a blob that is missing',
      new StratumError('BLOB_NOT_FOUND', 'none', { kind: 'blob', id: oidOf(Buffer.from('x')) }),
    ],
    [
      'a bad copy',
      new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: oidOf(Buffer.from('x')), expected: '', got: '' }),
    ],
    ['a damaged request', new StratumError('INVALID_ARGUMENT', 'no', { field: 'stratum-checksum', reason: 'no' })],
  ])('does not believe an error that is not about its own request: %s', async (_, error) => {
    behave = (socket) => socket.write(answer(error));
    await expect(read(client())).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    await expect(client().put(new MemoryBlobSource(content), fence, options)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
    });
  });

  it('believes that its own blob is missing, unless a bit of that was flipped', async () => {
    const missing = answer(new StratumError('BLOB_NOT_FOUND', 'none', { kind: 'blob', id: oid }));
    behave = (socket) => socket.write(missing);
    await expect(read(client())).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    missing[missing.length - 1] = (missing[missing.length - 1] ?? 0) ^ 1;
    await expect(read(client())).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('does not believe a blob that ends before the range that was asked for', async () => {
    behave = (socket) => socket.end(`${head(5)}0\r\n\r\n`);
    const reading = client().get(oid, { offset: 6 }, options);
    await expect(reading).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('gives the node’s own error of a trailer, after the bytes that came before it', async () => {
    const rot = new StratumError('CHECKSUM_MISMATCH', 'rot', { oid, expected: oid, got: 'cd' });
    const trailer = `stratum-error: ${toHttpError(rot).body.toString('base64')}`;
    behave = (socket) => socket.end(`${head(10)}${chunk('01234')}0\r\n${trailer}\r\n\r\n`);
    const { chunks } = await client().get(oid, { offset: 0 }, options);
    const got: Buffer[] = [];
    const reading = (async () => {
      for await (const part of chunks) got.push(part);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH', details: { got: 'cd' } });
    expect(Buffer.concat(got).toString()).toBe('01234');
  });

  it('says which node cannot be reached', async () => {
    const lonely = new HttpBlobs({ endpoint: '127.0.0.1:1' }, { clock: systemClock });
    const refused = { code: 'UNREACHABLE', details: { endpoint: '127.0.0.1:1' } };
    await expect(read(lonely)).rejects.toMatchObject(refused);
    await expect(lonely.put(new MemoryBlobSource(content), fence, options)).rejects.toMatchObject(refused);
  });

  it.each(['put', 'get'])('ends a %s at its deadline when the node accepts and never answers', async (kind) => {
    const clock = manualClock();
    const heard = Promise.withResolvers<void>();
    behave = () => heard.resolve();
    const blobs = client(clock);
    const calling =
      kind === 'get'
        ? blobs.get(oid, { offset: 0 }, options)
        : blobs.put(new MemoryBlobSource(content), fence, options);
    await Promise.all([
      expect(calling).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { endpoint, timeoutMs: 10_000 } }),
      heard.promise.then(() => clock.advance(10_000)),
    ]);
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends at the deadline in mid-stream too, whether or not somebody is reading', async () => {
    const clock = manualClock();
    behave = (socket) => socket.write(`${head(10)}${chunk('01234')}`);
    const { chunks } = await client(clock).get(oid, { offset: 0 }, options);
    clock.advance(10_000);
    await expect(bytesOf(chunks)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it('sends nothing to a node that refuses, and gives its error', async () => {
    let opened = 0;
    const source: BlobSource = {
      oid,
      size: content.length,
      open: () => {
        opened += 1;
        return new MemoryBlobSource(content).open();
      },
    };
    behave = (socket) => socket.write(answer(full));
    await expect(client().put(source, fence, options)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(opened).toBe(0);
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it('stops sending to a node that refuses in mid-stream, and ends its source', async () => {
    let sentBytes = 0;
    const ended = Promise.withResolvers<void>();
    const size = 2 ** 40;
    const source: BlobSource = {
      oid,
      size,
      async *open() {
        try {
          for (; sentBytes < size; sentBytes += content.length) yield content;
        } finally {
          ended.resolve();
        }
      },
    };
    behave = (socket, said) => {
      if (said.startsWith('PUT')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      else socket.write(answer(full));
    };
    await expect(client().put(source, fence, options)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await ended.promise;
    expect(sentBytes).toBeLessThan(size);
  });

  it('uses a connection again, and closes it at its end', async () => {
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    behave = (socket) => socket.write(`${head(5)}${chunk('01234')}0\r\n\r\n`);
    const blobs = client();
    for (let round = 0; round < 5; round += 1) expect((await read(blobs)).toString()).toBe('01234');
    expect(connections).toBe(1);
    blobs.close();
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it('closes an idle connection on which the node says something, rather than take it for the next answer', async () => {
    behave = (socket) => socket.write(`${head(5)}${chunk('01234')}0\r\n\r\n`);
    const blobs = client();
    await read(blobs);
    for (const socket of sockets) socket.write(`${head(5)}${chunk('wrong')}0\r\n\r\n`);
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
    expect((await read(blobs)).toString()).toBe('01234');
    blobs.close();
  });

  it('closes the connection of a read that is left half-way', async () => {
    behave = (socket) => socket.write(`${head(10)}${chunk('01234')}`);
    const { chunks } = await client().get(oid, { offset: 0 }, options);
    for await (const _ of chunks) break;
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });
});
