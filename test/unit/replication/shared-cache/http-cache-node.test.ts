import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { HttpCacheNode } from '../../../../src/replication/shared-cache/http-cache-node.ts';
import { toHttpError } from '../../../../src/rpc/blob-http.ts';
import { cacheAnswerChecksum } from '../../../../src/rpc/cache-http.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { bytesOf, contentOf } from '../../store/sample-blobs.ts';
import { contentOfEntry, sharedContent } from './memory-cache-node.ts';

const key = '5e'.repeat(32);
const path = `/cache/${key}`;
const text = '0123456789';
const textCrc = crc32(text);
const put = { ttlMs: 60_000, tag: 'the repository' };
const options = { timeoutMs: 10_000 };

describe('HttpCacheNode at a node that misbehaves', () => {
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
    await once(server, 'close');
  });

  const client = (clock = systemClock) => new HttpCacheNode({ endpoint, idleTimeoutMs: 3_000 }, { clock });
  const read = async (node: HttpCacheNode) => {
    const entry = await node.get(key, options);
    return entry === undefined ? undefined : (await bytesOf(entry.chunks)).toString();
  };
  /** A head as the protocol wants it, unless it says otherwise than what its checksum is of. */
  const head = (said: { size?: number | string; crc?: number; length?: number; to?: string } = {}, of = said) => {
    const { size = 10, crc = textCrc, length = 10 } = said;
    const covered = { 'stratum-size': of.size ?? 10, 'stratum-content-crc32': of.crc ?? textCrc };
    const checksum = cacheAnswerChecksum({ method: 'GET', path: said.to ?? path }, covered);
    const lines = [`stratum-size: ${size}`, `stratum-content-crc32: ${crc}`, `content-length: ${length}`];
    return `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nstratum-checksum: ${checksum}\r\n\r\n`;
  };
  const answer = (error: StratumError) => {
    const { status, body } = toHttpError(error);
    return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n`), body]);
  };
  const missing = (id = key) => new StratumError('NOT_FOUND', 'none', { kind: 'cache entry', id });

  it('takes an answer of the protocol', async () => {
    behave = (socket) => socket.write(head() + text);
    expect(await read(client())).toBe(text);
  });

  it.each([
    ['closes at once', '', 'UNREACHABLE'],
    ['says what is no HTTP', 'hello, who is there?\r\n\r\n', 'DATA_CORRUPT'],
    ['gives no checksum', `HTTP/1.1 200 OK\r\nstratum-size: 10\r\ncontent-length: 10\r\n\r\n${text}`, 'DATA_CORRUPT'],
    ['gives another size than it has the checksum of', head({ size: 9, length: 9 }, {}) + text, 'DATA_CORRUPT'],
    ['gives another CRC-32 than it has the checksum of', head({ crc: 7 }, {}) + text, 'DATA_CORRUPT'],
    ['answers for another entry', head({ to: `/cache/${'00'.repeat(32)}` }) + text, 'DATA_CORRUPT'],
    ['gives no number for the size', head({ size: 'x' }) + text, 'DATA_CORRUPT'],
    ['gives a longer body than it says', head({ length: 11 }) + text, 'DATA_CORRUPT'],
    ['gives an error that is none', 'HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\nabc', 'DATA_CORRUPT'],
    ['breaks off in the middle', `${head()}01234`, 'UNREACHABLE'],
    ['gives other bytes', `${head()}0123456780`, 'CHECKSUM_MISMATCH'],
  ])('does not take for an entry what a node sends that %s', async (_, said, code) => {
    behave = (socket) => socket.end(said, 'latin1');
    await expect(read(client())).rejects.toMatchObject({ code });
  });

  it('does not give the piece with which it sees that the bytes are others', async () => {
    behave = (socket, said) => {
      if (!said.startsWith('GET')) return;
      socket.write(`${head()}01234`);
      setImmediate(() => socket.write('56780'));
    };
    const entry = await client().get(key, options);
    const got: string[] = [];
    const reading = (async () => {
      for await (const chunk of entry?.chunks ?? []) got.push(chunk.toString());
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(text.startsWith(got.join(''))).toBe(true);
    expect(got.join('').length).toBeLessThan(10);
  });

  it('believes that a node has nothing for its key, and not for another', async () => {
    behave = (socket) => socket.write(answer(missing()));
    expect(await read(client())).toBeUndefined();
    behave = (socket) => socket.write(answer(missing('00'.repeat(32))));
    await expect(read(client())).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    behave = (socket) => socket.write(answer(new StratumError('OVERLOADED', 'full', { retryAfterMs: 1 })));
    await expect(read(client())).rejects.toMatchObject({ code: 'OVERLOADED' });
  });

  it('ends a question at its deadline when the node accepts and never answers', async () => {
    const clock = manualClock();
    const heard = Promise.withResolvers<void>();
    behave = () => heard.resolve();
    const reading = client(clock).get(key, { timeoutMs: 200 });
    await Promise.all([
      expect(reading).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { endpoint, timeoutMs: 200 } }),
      heard.promise.then(() => clock.advance(200)),
    ]);
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends an entry whose bytes stop coming, and not one whose reader is slow', async () => {
    const clock = manualClock();
    behave = (socket) => socket.write(`${head()}01234`);
    const entry = await client(clock).get(key, { timeoutMs: 200 });
    const chunks = entry?.chunks[Symbol.asyncIterator]();
    clock.advance(60_000);
    expect((await chunks?.next())?.value?.toString()).toBe('01234');
    clock.advance(60_000);
    const next = chunks?.next();
    clock.advance(3_000);
    await expect(next).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { timeoutMs: 3_000 } });
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends with its caller, before and in the middle of an entry', async () => {
    const ending = new AbortController();
    behave = (socket) => socket.write(`${head()}01234`);
    const entry = await client().get(key, { timeoutMs: 10_000, signal: ending.signal });
    ending.abort(new Error('left'));
    await expect(contentOfEntry(entry)).rejects.toThrow('left');
    await expect(client().get(key, { timeoutMs: 10_000, signal: ending.signal })).rejects.toThrow('left');
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it('closes the connection of an entry that is left half-way, and uses that of a whole one again', async () => {
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    behave = (socket) => socket.write(head() + text);
    const node = client();
    for (let round = 0; round < 5; round += 1) expect(await read(node)).toBe(text);
    expect(connections).toBe(1);
    behave = (socket) => socket.write(`${head()}01234`);
    for await (const _ of (await node.get(key, options))?.chunks ?? []) break;
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
    node.close();
  });

  it('holds a node back whose bytes nobody takes', async () => {
    const bytes = 64_000_000;
    const content = contentOf(1_000_000);
    let isHeld = false;
    behave = (socket) => {
      socket.write(head({ size: bytes, length: bytes, crc: 1 }));
      const more = () => {
        while (socket.write(content));
        isHeld = true;
        socket.once('drain', more);
      };
      more();
    };
    const entry = await client().get(key, options);
    const chunks = entry?.chunks[Symbol.asyncIterator]();
    await chunks?.next();
    await expect.poll(() => isHeld, { timeout: 5_000 }).toBe(true);
    const [socket] = sockets;
    const before = socket?.bytesWritten ?? 0;
    expect(before).toBeLessThan(bytes / 2);
    await chunks?.return?.();
  });

  it('sends nothing to a node that says at once that it does not keep the entry', async () => {
    let opened = 0;
    const content = contentOf(100_000);
    behave = (socket) => {
      const checksum = cacheAnswerChecksum({ method: 'PUT', path }, { 'stratum-kept': 'false' });
      socket.write(
        `HTTP/1.1 200 OK\r\nstratum-kept: false\r\nstratum-checksum: ${checksum}\r\ncontent-length: 0\r\n\r\n`,
      );
    };
    const read = () => {
      opened += 1;
      return sharedContent(content).read();
    };
    expect(await client().put(key, { ...sharedContent(content), read }, put, options)).toBe(false);
    expect(opened).toBe(0);
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it.each([
    ['its own error', answer(new StratumError('DISK_FULL', 'full', { what: 'disk', limit: 1n })), 'DISK_FULL'],
    ['no checksum', 'HTTP/1.1 200 OK\r\nstratum-kept: true\r\ncontent-length: 0\r\n\r\n', 'DATA_CORRUPT'],
  ])('does not take an entry for kept when the answer is %s', async (_, said, code) => {
    behave = (socket, heard) => heard.startsWith('PUT') && socket.write(said);
    await expect(client().put(key, sharedContent(contentOf(100)), put, options)).rejects.toMatchObject({ code });
  });

  it('fails a put whose content cannot be read, and closes its connection', async () => {
    behave = (socket, said) => said.startsWith('PUT') && socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const read = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      throw new Error('unreadable');
    };
    const unreadable = { sizeBytes: 8, crc32: 0, read };
    await expect(client().put(key, unreadable, put, options)).rejects.toThrow('unreadable');
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it('says which node cannot be reached', async () => {
    const lonely = new HttpCacheNode({ endpoint: '127.0.0.1:1', idleTimeoutMs: 1 }, { clock: systemClock });
    const refused = { code: 'UNREACHABLE', details: { endpoint: '127.0.0.1:1' } };
    await expect(lonely.get(key, options)).rejects.toMatchObject(refused);
    await expect(lonely.put(key, sharedContent(contentOf(9)), put, options)).rejects.toMatchObject(refused);
  });
});
