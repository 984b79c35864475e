import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer, type Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyLink, type LinkFault } from './faulty-link.ts';
import { openDescriptors } from './object-cluster.ts';
import { until } from './until.ts';

const waitMs = 5_000;

describe('a faulty link', () => {
  let server: Server;
  let link: FaultyLink;
  let accepted: Socket[];
  let heard: Buffer;
  const opened: Socket[] = [];

  beforeEach(async () => {
    accepted = [];
    heard = Buffer.alloc(0);
    server = createServer((socket) => {
      accepted.push(socket);
      socket
        .on('error', () => undefined)
        .on('data', (chunk: Buffer) => {
          heard = Buffer.concat([heard, chunk]);
          socket.write(chunk);
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const own = server.address();
    link = await FaultyLink.open(typeof own === 'object' && own !== null ? own.port : 0);
  });
  afterEach(async () => {
    for (const socket of [...opened.splice(0), ...accepted]) socket.destroy();
    await link.close();
    server.close();
  });

  const dial = () => {
    const socket = connect(Number(link.address.split(':')[1]), '127.0.0.1');
    const seen = { bytes: Buffer.alloc(0), isClosed: false, error: '' };
    socket
      .on('error', (error: NodeJS.ErrnoException) => {
        seen.error = error.code ?? '';
      })
      .on('data', (chunk: Buffer) => {
        seen.bytes = Buffer.concat([seen.bytes, chunk]);
      })
      .on('close', () => {
        seen.isClosed = true;
      });
    opened.push(socket);
    return { socket, seen };
  };
  const says = (what: () => boolean) => until('the bytes', waitMs, () => (what() ? true : undefined));
  const sent = Buffer.alloc(100, 'x');

  /** A connection over which one echo has come back already. */
  const talking = async () => {
    const dialled = dial();
    dialled.socket.write(sent);
    await says(() => dialled.seen.bytes.length === sent.length);
    heard = Buffer.alloc(0);
    dialled.seen.bytes = Buffer.alloc(0);
    return dialled;
  };

  const cuts: readonly [fault: LinkFault, error: string][] = [
    [{ kind: 'refuse' }, 'ECONNREFUSED'],
    [{ kind: 'reset' }, 'ECONNRESET'],
  ];
  it.for(cuts)('ends old and new connections: $0.kind', async ([fault, error]) => {
    const before = await talking();
    await link.break(fault);
    await says(() => before.seen.isClosed && accepted[0]?.destroyed === true);
    const during = dial();
    await says(() => during.seen.isClosed);
    expect(during.seen.error).toBe(error);
    expect(link.hits).toBeGreaterThan(0);
  });

  const silences: readonly [fault: LinkFault, isHeard: boolean][] = [
    [{ kind: 'stall' }, false],
    [{ kind: 'lose', direction: 'to-node' }, false],
    [{ kind: 'lose', direction: 'from-node' }, true],
  ];
  it.for(silences)('leaves connections open that get no answer: %o', async ([fault, isHeard]) => {
    const before = await talking();
    await link.break(fault);
    const during = dial();
    before.socket.write(sent);
    during.socket.write(sent);
    if (isHeard) await says(() => heard.length === 2 * sent.length);
    await says(() => link.hits >= 2);
    expect(heard.length).toBe(isHeard ? 2 * sent.length : 0);
    expect([before.seen, during.seen].map(({ bytes, isClosed }) => [bytes.length, isClosed])).toEqual([
      [0, false],
      [0, false],
    ]);
    await link.heal();
    await says(() => before.seen.isClosed && during.seen.isClosed);
  });

  it('stalls after the answer has come so far', async () => {
    await link.break({ kind: 'stall', afterBytes: sent.length });
    const { socket, seen } = dial();
    socket.write(sent);
    await says(() => seen.bytes.length === sent.length && link.hits === 1);
    socket.write(sent);
    await link.heal();
    await says(() => seen.isClosed);
    expect(seen.bytes.length).toBe(sent.length);
  });

  it('delays what it passes on, in order', async () => {
    const { socket, seen } = await talking();
    await link.break({ kind: 'delay', delayMs: 30 });
    const beganMs = performance.now();
    socket.write(sent);
    socket.write(Buffer.from('end'));
    await says(() => seen.bytes.length === sent.length + 3);
    expect(seen.bytes.toString().endsWith('xend')).toBe(true);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(60 - 2);
  });

  it.for(['to-node', 'from-node'] as const)('cuts a connection after so many bytes: %s', async (direction) => {
    const { socket, seen } = await talking();
    await link.break({ kind: 'cut', direction, afterBytes: 40 });
    socket.write(sent);
    await says(() => seen.isClosed && accepted[0]?.destroyed === true);
    if (direction === 'to-node') expect(heard.length).toBe(40);
    else expect(seen.bytes.length).toBeLessThanOrEqual(40);
    const again = dial();
    again.socket.write(sent.subarray(0, 39));
    await says(() => again.seen.bytes.length === 39);
  });

  it.for(['to-node', 'from-node'] as const)('flips one bit of each byte that it is to flip: %s', async (direction) => {
    const { socket, seen } = await talking();
    await link.break({ kind: 'flip', direction, firstByte: 10, everyBytes: 25 });
    // In pieces: places are counted over a connection, not over a chunk.
    for (let at = 0; at < sent.length; at += 20) {
      socket.write(sent.subarray(at, at + 20));
      await says(() => seen.bytes.length === at + 20);
    }
    const got = direction === 'to-node' ? heard : seen.bytes;
    const differing = [...got.keys()].filter((at) => got[at] !== sent[at]);
    expect(differing).toEqual([10, 35, 60, 85]);
    for (const at of differing) {
      const bits = ((got[at] ?? 0) ^ (sent[at] ?? 0)).toString(2).replaceAll('0', '');
      expect(bits).toBe('1');
    }
    expect(link.hits).toBe(4);
    await link.heal();
    await says(() => seen.isClosed);
  });

  it('leaves nothing open of a connection that it resets in the moment in which that ends', async () => {
    const rounds = 5;
    const before = openDescriptors(process.pid);
    for (let round = 0; round < rounds; round += 1) {
      const { promise: accepting, resolve } = Promise.withResolvers<Socket>();
      const isOfLink = ({ localPort }: Socket) => link.address.endsWith(`:${localPort}`);
      const onAccepted = (message: unknown) => {
        if (typeof message !== 'object' || message === null || !('socket' in message)) return;
        if (message.socket instanceof Socket && isOfLink(message.socket)) resolve(message.socket);
      };
      subscribe('net.server.socket', onAccepted);
      const { socket } = await talking();
      const ofLink = await accepting;
      unsubscribe('net.server.socket', onAccepted);
      // The link hears of that close first, and begins to end its other socket.
      const broken = once(ofLink, 'close').then(() => link.break({ kind: 'reset' }));
      socket.destroy();
      await broken;
      await link.heal();
    }
    // The process has descriptors of its own that come and go; a leak is one a round.
    await until('all is closed', waitMs, (tell) => {
      const now = openDescriptors(process.pid);
      tell(`${before} descriptors before, ${now} now`);
      return now < before + rounds ? true : undefined;
    });
  });

  it('passes everything on again when it is healed', async () => {
    await link.break({ kind: 'refuse' });
    await link.heal();
    const { seen } = await talking();
    expect(seen.isClosed).toBe(false);
  });
});
