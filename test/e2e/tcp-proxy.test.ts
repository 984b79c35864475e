import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionHolders, isRunning, processTree } from './process-tree.ts';
import { type CutDirection, Network } from './tcp-proxy.ts';
import { until } from './until.ts';

describe('the network of the tests', () => {
  let network: Network;
  let server: Server;
  let address: string;
  /** What has reached the server, and the sockets by which it answers. */
  let heard: string;
  const accepted: Socket[] = [];
  const opened: Socket[] = [];

  beforeEach(async () => {
    heard = '';
    server = createServer((socket) => {
      accepted.push(socket);
      socket
        .on('error', () => undefined)
        .on('data', (chunk: Buffer) => {
          heard += chunk.toString();
          socket.write(`echo ${chunk.toString()}`);
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const own = server.address();
    network = new Network({ look: () => () => 'a' });
    address = await network.proxy('b', typeof own === 'object' && own !== null ? own.port : 0);
  });
  afterEach(async () => {
    for (const socket of [...opened.splice(0), ...accepted.splice(0)]) socket.destroy();
    await network.close();
    server.close();
  });

  const dial = async () => {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    const seen = { text: '', isClosed: false };
    socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        seen.text += chunk.toString();
      });
    socket.on('close', () => {
      seen.isClosed = true;
    });
    opened.push(socket);
    await once(socket, 'connect');
    return { socket, seen };
  };
  const says = (what: () => boolean) => until('the bytes', 2_000, () => (what() ? true : undefined));

  it('passes on what comes while nothing is cut', async () => {
    const { socket, seen } = await dial();
    socket.write('one');
    await says(() => seen.text === 'echo one');
    socket.destroy();
    await says(() => accepted[0]?.destroyed === true);
  });

  const cuts: readonly [party: string, CutDirection, arrives: boolean, isAnswered: boolean][] = [
    ['a', 'sent', false, false],
    ['b', 'received', false, false],
    ['a', 'received', true, false],
    ['b', 'sent', true, false],
    ['a', 'both', false, false],
    ['c', 'both', true, true],
  ];
  it.for(cuts)('loses the right bytes when %s is cut off: %s', async ([party, direction, arrives, isAnswered]) => {
    const before = await dial();
    before.socket.write('one');
    await says(() => before.seen.text === 'echo one');
    network.cut(party, direction);
    const during = await dial();
    before.socket.write('two');
    during.socket.write('new');
    if (arrives) await says(() => heard.includes('two') && heard.includes('new'));
    else await says(() => network.lostBytes('a', 'b') === 6);
    if (isAnswered) await says(() => before.seen.text === 'echo oneecho two');
    else if (arrives) await says(() => network.lostBytes('b', 'a') === 16);
    expect(heard.includes('two')).toBe(arrives);
    expect(before.seen).toEqual({ text: isAnswered ? 'echo oneecho two' : 'echo one', isClosed: false });
    network.heal();
    if (!isAnswered) await says(() => before.seen.isClosed && during.seen.isClosed);
    const after = await dial();
    after.socket.write('three');
    await says(() => after.seen.text === 'echo three');
  });

  it('lets no end of a connection through a cut', async () => {
    const { socket } = await dial();
    await says(() => accepted.length === 1);
    network.cut('a', 'sent');
    socket.destroy();
    const { seen } = await dial();
    await says(() => accepted.length === 2);
    expect(accepted[0]?.destroyed).toBe(false);
    expect(seen.isClosed).toBe(false);
    network.heal();
    await says(() => accepted[0]?.destroyed === true);
  });

  it('knows which process holds a connection, grandchildren included', async () => {
    const own = server.address();
    const port = typeof own === 'object' && own !== null ? own.port : 0;
    const program = `require('net').connect(${port}, '127.0.0.1')`;
    // The second command keeps the shell from becoming the first one.
    const parent = spawn('sh', ['-c', `"${process.execPath}" -e "${program}"; true`], { stdio: 'ignore' });
    await until('the connection', 10_000, () => (accepted.length === 1 ? true : undefined));
    const tree = processTree(parent.pid ?? 0);
    expect(tree).toEqual([parent.pid, expect.any(Number)]);
    const remotePort = accepted[0]?.remotePort ?? 0;
    const holders = connectionHolders(new Map([[parent.pid ?? 0, 'family']]));
    expect(holders(remotePort, port)).toBe('family');
    expect(holders(port, remotePort)).toBeUndefined();
    expect(connectionHolders(new Map())(remotePort, port)).toBeUndefined();
    for (const pid of tree) process.kill(pid, 'SIGKILL');
    await says(() => !tree.some(isRunning));
    expect(processTree(parent.pid ?? 0)).toEqual([]);
  });
});
