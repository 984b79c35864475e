import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContextStore } from '../../../../src/cli/contexts.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-context-set-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const set = (...argv: string[]) => runCommand(['context', 'set', ...argv], { env: { STRATUM_CONFIG_DIR: folder } });

describe('stratum context set', () => {
  it('adds a context and replaces it', async () => {
    expect(await set('ci', '--coordinator', 'a:1', '--coordinator', 'b:2', '--git-url', 'http://g')).toMatchObject({
      exitCode: 0,
      stdout: '*\tci\ta:1,b:2\thttp://g\n',
    });
    expect(await set('ci', '--coordinator', 'c:3')).toMatchObject({ exitCode: 0, stdout: '*\tci\tc:3\t\n' });
  });

  it('makes it the current one only when asked', async () => {
    await set('first', '--coordinator', 'a:1', '--use');
    await set('second', '--coordinator', 'a:1');
    expect((await new ContextStore({ folder }).read()).current).toBe('first');
  });

  it.each([
    ['ci', ['--coordinator', 'nowhere']],
    ['ci', []],
    ['not a name', ['--coordinator', 'a:1']],
  ])('refuses %s with %j', async (name, argv) => {
    expect(await set(name, ...argv)).toMatchObject({ exitCode: 2, stdout: '' });
  });
});
