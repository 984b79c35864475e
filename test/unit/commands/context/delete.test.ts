import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContextStore } from '../../../../src/cli/contexts.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';

let folder: string;
let store: ContextStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-context-delete-'));
  store = new ContextStore({ folder });
  await store.set({ name: 'ci', coordinators: ['a:1'] }, { makeCurrent: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const remove = (argv: string[], world: CommandWorld = {}) =>
  runCommand(['context', 'delete', ...argv], { ...world, env: { STRATUM_CONFIG_DIR: folder } });
const names = async () => (await store.read()).contexts.map(({ name }) => name);

describe('stratum context delete', () => {
  it('deletes with --yes, and doing so again is no error', async () => {
    expect(await remove(['ci', '--yes'])).toMatchObject({ exitCode: 0 });
    expect(await names()).toEqual([]);
    expect(await remove(['ci', '--yes'])).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('nothing to do'),
    });
  });

  it('refuses without a terminal and without --yes', async () => {
    expect(await remove(['ci'])).toMatchObject({ exitCode: 9, stderr: expect.stringContaining('--yes') });
    expect(await names()).toEqual(['ci']);
  });

  it.each([
    ['y\n', 0, []],
    ['yes\n', 0, []],
    ['n\n', 9, ['ci']],
    ['\n', 9, ['ci']],
    ['', 9, ['ci']],
  ])('takes the answer %j on a terminal', async (stdin, exitCode, left) => {
    expect(await remove(['ci'], { terminal: true, stdin })).toMatchObject({ exitCode });
    expect(await names()).toEqual(left);
  });

  it('deletes nothing in a dry run', async () => {
    expect(await remove(['ci', '--dry-run'])).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('would') });
    expect(await names()).toEqual(['ci']);
  });
});
