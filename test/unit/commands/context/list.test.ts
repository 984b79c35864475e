import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContextStore } from '../../../../src/cli/contexts.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-context-list-'));
  const store = new ContextStore({ folder });
  await store.set({ name: 'local', coordinators: ['127.0.0.1:1'], dataDir: '/d' }, { makeCurrent: true });
  await store.set({ name: 'ci', coordinators: ['a:1', 'b:2'], gitUrls: ['http://g'] }, { makeCurrent: false });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('stratum context list', () => {
  it('lists contexts by name and marks the current one', async () => {
    const { exitCode, stdout } = await runCommand(['context', 'list'], { env: { STRATUM_CONFIG_DIR: folder } });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '\tci\ta:1,b:2\thttp://g\n*\tlocal\t127.0.0.1:1\t\n' });
  });

  it('lists them in JSON', async () => {
    const { stdout } = await runCommand(['context', 'list', '-o', 'json'], { env: { STRATUM_CONFIG_DIR: folder } });
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'ContextList',
      source: null,
      items: [
        { name: 'ci', current: false, coordinators: ['a:1', 'b:2'] },
        { name: 'local', current: true, dataDir: '/d' },
      ],
    });
  });

  it('says on stderr that there is none, and ends with 0', async () => {
    const env = { STRATUM_CONFIG_DIR: join(folder, 'none') };
    const { exitCode, stdout, stderr } = await runCommand(['context', 'list'], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('stratum cluster up');
  });
});
