import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContextStore } from '../../../../src/cli/contexts.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
let store: ContextStore;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-context-use-'));
  store = new ContextStore({ folder });
  await store.set({ name: 'local', coordinators: ['127.0.0.1:1'] }, { makeCurrent: true });
  await store.set({ name: 'ci', coordinators: ['a:1'] }, { makeCurrent: false });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('stratum context use', () => {
  it('makes a context the current one, also when it is already', async () => {
    for (let times = 0; times < 2; times += 1) {
      const result = await runCommand(['context', 'use', 'ci'], { env: { STRATUM_CONFIG_DIR: folder } });
      expect(result).toMatchObject({ exitCode: 0, stdout: '*\tci\ta:1\t\n' });
    }
    expect((await store.read()).current).toBe('ci');
  });

  it('ends with 3 for one that there is not, naming the nearest', async () => {
    const result = await runCommand(['context', 'use', 'loccal'], { env: { STRATUM_CONFIG_DIR: folder } });
    expect(result).toMatchObject({ exitCode: 3, stdout: '', stderr: expect.stringContaining('"local"') });
  });
});
