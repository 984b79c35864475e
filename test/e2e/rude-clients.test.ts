import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { constants, createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateHistory } from './generated-history.ts';
import { LocalCluster } from './local-cluster.ts';

const pkt = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text;

describe('clients that go away in the middle', () => {
  let cluster: LocalCluster;
  let port: number;
  let pid: number;
  const frontend = async () => (await cluster.processes()).find(({ id }) => id === 'frontend-1');
  beforeAll(async () => {
    cluster = await LocalCluster.start();
    port = Number(new URL(await cluster.gitUrl()).port);
    pid = (await frontend())?.pid ?? 0;
  });
  afterAll(() => cluster?.remove());

  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined); // A refused connection shows in the check of the process below.
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    return socket;
  };
  const expectSameProcess = async () => {
    expect(await frontend()).toMatchObject({ pid, state: 'running' });
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  };

  it('leave a frontend alive when they reset compressed requests for a missing repository', async () => {
    const prefixes = Array.from({ length: 5_000 }, (_, index) => pkt(`ref-prefix refs/heads/${index}\n`)).join('');
    const body = gzipSync(`${pkt('command=ls-refs\n')}0001${prefixes}0000`);
    const head = [
      'POST /no/such.git/git-upload-pack HTTP/1.1',
      'Host: x',
      'Git-Protocol: version=2',
      'Content-Type: application/x-git-upload-pack-request',
      'Content-Encoding: gzip',
      `Content-Length: ${body.length}`,
    ].join('\r\n');
    for (let round = 0; round < 25; round += 1) {
      const batch = Array.from({ length: 20 }, async (_, index) => {
        const socket = await open();
        await new Promise<void>((resolve) =>
          socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]), () => resolve()),
        );
        // Some leave at once, some a few turns later: the request is then at another step each time.
        for (let turn = 0; turn < index; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        socket.resetAndDestroy();
      });
      await Promise.all(batch);
    }
    await expectSameProcess();
  });

  it('leave a frontend alive when they reset a compressed push after its refusal', async () => {
    const socket = await open();
    const refused = new Promise<string>((resolve) => {
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('unpack')) resolve(text);
      });
    });
    const gzip = createGzip();
    const parts: Buffer[] = [];
    gzip.on('data', (part: Buffer) => parts.push(part));
    const send = async (text: string) => {
      gzip.write(text);
      await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, () => resolve()));
      // The last part comes after the flush has called back; an empty chunk would end the body.
      while (parts.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const chunk = Buffer.concat(parts.splice(0));
      socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
    };
    const head =
      'POST /team/app.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-receive-pack-request\r\n';
    socket.write(`${head}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const command = `${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/main\0 report-status\n`;
    await send(`${pkt(command)}0000NOTAPACKNOTAPACK`);
    let answer: string | undefined;
    void refused.then((text) => {
      answer = text;
    });
    // git says no at once; the frontend hears of it when it has more for git.
    while (answer === undefined) await send('x'.repeat(1_000));
    expect(answer).toMatch(/unpack (?!ok)/);
    await send('x'.repeat(1_000));
    socket.resetAndDestroy();
    await expectSameProcess();
  });

  it('do not keep others from cloning when they stall in their uploads', async () => {
    const stalled = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const socket = await open();
        const head =
          'POST /team/stalled.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-receive-pack-request\r\n';
        const command = pkt(`${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/main\0 report-status\n`);
        socket.write(`${head}Content-Length: 100000\r\n\r\n${command}0000PACK`);
        return socket;
      }),
    );
    const source = await generateHistory(join(cluster.folder, 'work', 'source'), { commits: 20, largeFileBytes: 0 });
    const url = `${await cluster.gitUrl()}/team/served`;
    await source.git('push', '--quiet', url, 'main');
    const copy = await source.clone(url, 'while-stalled');
    expect(await copy.git('rev-parse', 'HEAD')).toBe(await source.git('rev-parse', 'main'));
    for (const socket of stalled) socket.destroy();
    await expectSameProcess();
  });
});
