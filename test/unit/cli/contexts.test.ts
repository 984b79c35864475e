import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContextStore } from '../../../src/cli/contexts.ts';

let folder: string;
let store: ContextStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratum-contexts-'));
  store = new ContextStore({ folder });
});
afterEach(() => rm(folder, { recursive: true }));

const ci = { name: 'ci', coordinators: ['10.0.0.1:7480'], gitUrls: ['http://git'] };

describe('the contexts of a user', () => {
  it('are none before the first is set, and reading makes no file', async () => {
    const absent = new ContextStore({ folder: join(folder, 'absent') });
    expect(await absent.read()).toMatchObject({ current: undefined, contexts: [], settings: {} });
    await expect(readFile(absent.path)).rejects.toThrow('ENOENT');
  });

  it('keep what was set, and make the first one current', async () => {
    await store.set(ci, { makeCurrent: false });
    await store.set({ name: 'a.b', coordinators: ['x:1'], dataDir: '/d' }, { makeCurrent: false });
    expect(await new ContextStore({ folder }).read()).toMatchObject({
      current: 'ci',
      contexts: [{ name: 'a.b', coordinators: ['x:1'], dataDir: '/d' }, ci],
    });
  });

  it('change the current one by use and by set', async () => {
    await store.set(ci, { makeCurrent: true });
    await store.set({ name: 'local', coordinators: ['x:1'] }, { makeCurrent: true });
    expect((await store.read()).current).toBe('local');
    await store.use('ci');
    expect((await store.read()).current).toBe('ci');
    await expect(store.use('nope')).rejects.toMatchObject({ code: 'CONTEXT_NOT_FOUND' });
  });

  it('have no current one after it was deleted', async () => {
    await store.set(ci, { makeCurrent: true });
    expect(await store.delete('ci')).toBe(true);
    expect(await store.delete('ci')).toBe(false);
    expect(await store.read()).toMatchObject({ current: undefined, contexts: [] });
  });

  it('keep settings that were written by hand', async () => {
    await writeFile(store.path, JSON.stringify({ settings: { timeout: '3s' } }));
    await store.set(ci, { makeCurrent: true });
    expect((await store.read()).settings).toEqual({ timeout: '3s' });
  });

  it.each(['', 'a b', '../x', '__proto__', 'x'.repeat(65)])('refuse the name %j', async (name) => {
    await expect(store.set({ ...ci, name }, { makeCurrent: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each(['{ nonsense', '{"contexts": 5}', '{"contexts": []}'])(
    'name the file that cannot be read: %s',
    async (text) => {
      await writeFile(store.path, text);
      await expect(store.read()).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(store.path),
      });
    },
  );

  it('say what to do when they cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const blocked = new ContextStore({ folder: join(folder, 'file') });
    await expect(blocked.set(ci, { makeCurrent: true })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('STRATUM_CONFIG_DIR'),
    });
  });
});
