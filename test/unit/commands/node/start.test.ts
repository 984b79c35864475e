import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import NodeStart from '../../../../src/commands/node/start.ts';
import { flagOf, settings } from '../../../../src/node/settings.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-node-start-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const start = (argv: string[], env: Record<string, string> = {}) =>
  runCommand(['node', 'start', '--role', 'object', '--coordinator', '127.0.0.1:1', ...argv], { env });

describe('the flags of stratum node start', () => {
  it('are the settings of a node, and the file', () => {
    const expected = ['config', ...settings.map(({ path }) => flagOf(path))];
    expect(Object.keys(NodeStart.flags).sort()).toEqual(expected.sort());
  });
});

describe('stratum node start', () => {
  const cases: readonly [string, string[], Record<string, string>, number, RegExp][] = [
    ['no data folder', [], {}, 2, /--data-dir/],
    ['an unknown role', ['--data-dir', '/d', '--role', 'king'], {}, 2, /roles/],
    ['a bad duration', ['--data-dir', '/d', '--down-timeout', 'soon'], {}, 2, /--down-timeout: "soon"/],
    ['a bad size', ['--data-dir', '/d', '--free-bytes-min', 'lots'], {}, 2, /--free-bytes-min: "lots"/],
    ['a bad sum of hints', ['--data-dir', '/d', '--hints-bytes-max', 'lots'], {}, 2, /--hints-bytes-max: "lots"/],
    ['a bad age of hints', ['--data-dir', '/d', '--hints-age-max', 'old'], {}, 2, /--hints-age-max: "old"/],
    ['time-outs that do not rise', ['--data-dir', '/d', '--suspect-timeout', '2m'], {}, 2, /do not rise/],
    ['a bad variable', ['--data-dir', '/d'], { STRATUM_WEIGHT: 'heavy' }, 2, /STRATUM_WEIGHT/],
    ['a missing file', ['--config', '/nonexistent/node.yaml'], {}, 2, /node\.yaml/],
    ['a listener for all', ['--data-dir', '/d', '--listen', '0.0.0.0:0'], {}, 9, /--insecure-listen/],
    ['a label without a value', ['--data-dir', '/d', '--label', 'zone'], {}, 2, /zone/],
  ];
  it.each(cases)('refuses %s', async (_what, argv, env, code, message) => {
    const { exitCode, stdout, stderr } = await start(argv, env);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
    expect(stderr).toMatch(/^stratum: /);
    expect(stderr).toMatch(message);
  });

  it('names the line of an unknown key in its file', async () => {
    const file = join(folder, 'node.yaml');
    writeFileSync(file, `dataDir: ${join(folder, 'typo')}\nwieght: 5\n`);
    expect(await start(['--config', file])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('node.yaml:2'),
    });
  });

  it('refuses a foreign data folder and a port in use, with what to do', async () => {
    const foreign = join(folder, 'foreign');
    rmSync(foreign, { recursive: true, force: true });
    writeFileSync(join(folder, 'thesis.txt'), '');
    expect(await start(['--data-dir', folder])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(folder) });
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const result = await start(['--data-dir', join(folder, 'fresh'), '--listen', `127.0.0.1:${port}`, '-o', 'json']);
    taken.close();
    const error = JSON.parse(result.stderr.trim().split('\n').at(-1) ?? '') as object;
    expect(result.exitCode).toBe(1);
    expect(error).toMatchObject({ code: 'PORT_IN_USE', message: expect.stringContaining(String(port)) });
  });
});
