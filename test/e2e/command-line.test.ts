import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalCluster, stratumBinary } from './local-cluster.ts';
import { run } from './process.ts';

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await LocalCluster.start('--git-port', '0');
});
afterAll(() => cluster?.remove());

describe('the packed binary', () => {
  it('runs without Node on the machine', async () => {
    const { code, stdout } = await run(stratumBinary, ['version'], { env: { PATH: '/nonexistent' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/\d+\.\d+\.\d+/);
  });

  const unused = '127.0.0.1:1';
  it.each([
    ['a mistyped flag', ['repo', 'list', '--feild', 'x'], 2, /--feild/],
    ['a mistyped command', ['rpeo', 'list'], 2, /repo/],
    ['a missing argument', ['ring', 'locate'], 2, /oid/i],
    [
      'an unreachable coordinator',
      ['topology', 'show', '--coordinator', unused, '--timeout', '500ms'],
      7,
      /127\.0\.0\.1:1/,
    ],
    ['a repository that is missing', ['repo', 'show', 'no/such'], 3, /no\/such/],
    ['a blob that is missing', ['object', 'get', '0'.repeat(64)], 3, /000/],
    ['an id that is none', ['object', 'stat', 'xyz'], 2, /64/],
  ])('answers %s with one line that says what, and its exit code', async (_what, args, expectedCode, message) => {
    const { code, stdout, stderr } = await cluster.attempt(args);
    expect({ code, stdout }, stderr).toEqual({ code: expectedCode, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('gives errors as one line of JSON with -o json, parser errors too', async () => {
    for (const args of [
      ['repo', 'show', 'no/such', '-o', 'json'],
      ['repo', 'list', '-o', 'json', '--nope'],
    ]) {
      const { stderr } = await cluster.attempt(args);
      const error = JSON.parse(stderr) as Record<string, unknown>;
      expect(error).toMatchObject({
        kind: 'Error',
        code: expect.any(String),
        message: expect.any(String),
        exitCode: expect.any(Number),
      });
    }
  });
});

describe('an output that takes nothing', () => {
  it.each([['--version'], ['--help'], ['version', '-o', 'json'], ['completion', 'bash']])(
    'is told of in one line: %s',
    async (...args) => {
      const shown = ['-c', '"$0" "$@" > /dev/full', stratumBinary, ...args];
      const { code, stderr } = await run('/bin/sh', shown);
      expect(code).toBe(1);
      expect(stderr).toContain('cannot write to standard output: no space left on device');
      expect(stderr).not.toMatch(/\n\s+at /);
    },
  );

  it('ends the command quietly when its reader went away', async () => {
    const child = spawn(stratumBinary, ['completion', 'bash'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('node start', () => {
  const start = (...args: string[]) =>
    cluster.attempt(['node', 'start', '--role', 'object', '--coordinator', '127.0.0.1:1', ...args], {
      timeoutMs: 30_000,
    });

  it('refuses a data folder that holds something else', async () => {
    const folder = join(cluster.folder, 'foreign');
    await mkdir(folder);
    await writeFile(join(folder, 'thesis.txt'), 'precious');
    const { code, stderr } = await start('--data-dir', folder);
    expect(code).toBe(1);
    expect(stderr).toContain(folder);
  });

  it('refuses a data folder that cannot be made', async () => {
    const file = join(cluster.folder, 'a-file');
    await writeFile(file, '');
    const { code, stderr } = await start('--data-dir', join(file, 'below'));
    expect(code).toBe(1);
    expect(stderr).toContain('a-file');
  });

  it('refuses a data folder that another process uses', async () => {
    const { code, stderr } = await start('--data-dir', join(cluster.dataDir, 'object-1'), '--id', 'object-1');
    expect(code).toBe(8);
    expect(stderr).toContain('object-1');
  });

  it('refuses a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await start('--data-dir', join(cluster.folder, 'fresh'), '--listen', `127.0.0.1:${port}`);
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toContain(String(port));
  });

  it('listens beyond loopback only when told so', async () => {
    const { code, stderr } = await start('--data-dir', join(cluster.folder, 'open'), '--listen', '0.0.0.0:0');
    expect(code).toBe(9);
    expect(stderr).toContain('--insecure-listen');
  });

  it('refuses an unknown key of its file with the line', async () => {
    const file = join(cluster.folder, 'node.yaml');
    await writeFile(file, 'weight: 100\nwieght: 5\n');
    const { code, stderr } = await start('--data-dir', join(cluster.folder, 'typo'), '--config', file);
    expect(code).toBe(2);
    expect(stderr).toContain('node.yaml:2');
  });
});

describe('a local cluster', () => {
  it('is found by every command through the context that it wrote', async () => {
    expect(await cluster.stratum('leader', 'show', '-o', 'name')).toContain('coordinator-1');
    const topology = JSON.parse(await cluster.stratum('topology', 'show', '-o', 'json')) as { items: unknown[] };
    expect(topology.items.length).toBeGreaterThanOrEqual(8);
  });

  it('keeps its ports and its data when it is stopped and started again', async () => {
    const before = await cluster.gitUrl();
    const file = join(cluster.folder, 'blob.txt');
    await writeFile(file, 'kept across restarts');
    const { items } = JSON.parse(await cluster.stratum('object', 'put', file, '-o', 'json')) as {
      items: { oid: string }[];
    };
    const oid = items[0]?.oid ?? '';
    await cluster.stratum('cluster', 'down', '--data-dir', cluster.dataDir);
    await cluster.up();
    expect(await cluster.gitUrl()).toBe(before);
    expect(await cluster.stratum('object', 'get', oid)).toBe('kept across restarts');
  });

  it('is stopped only once, and saying so again is no error', async () => {
    await cluster.stratum('cluster', 'down', '--data-dir', cluster.dataDir);
    const again = await cluster.attempt(['cluster', 'down', '--data-dir', cluster.dataDir]);
    expect(again.code).toBe(0);
    await cluster.up();
  });
});
