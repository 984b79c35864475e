import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContextFile } from '../../../../src/cli/contexts.ts';
import { writeClusterFile } from '../../../../src/cli/local-cluster/cluster-file.ts';
import { knownClusterLocation, newClusterLocation } from '../../../../src/cli/local-cluster/cluster-location.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-location-'));
  await writeClusterFile(folder, { format: 1, name: 'kept', nodes: [] });
});
afterAll(() => rmSync(folder, { recursive: true }));

const env = { HOME: '/h', XDG_DATA_HOME: '/x' };
const file = (current?: string): ContextFile => ({
  path: '/config.json',
  current,
  contexts: [
    { name: 'ci', coordinators: [], dataDir: '/ci-data' },
    { name: 'remote', coordinators: ['r:1'] },
  ],
  settings: {},
});

describe('the cluster to bring up', () => {
  it('is "local" in the platform’s folder unless something is said', async () => {
    expect(await newClusterLocation({}, env, file())).toEqual({ name: 'local', folder: '/x/stratum/local' });
    expect(await newClusterLocation({}, env, file('ci'))).toMatchObject({ name: 'local' });
  });

  it('is where the context of its name says', async () => {
    expect(await newClusterLocation({ name: 'ci' }, env, file())).toEqual({ name: 'ci', folder: '/ci-data' });
  });

  it('is in a given folder, and keeps the name that it has there', async () => {
    expect(await newClusterLocation({ 'data-dir': folder }, env, file())).toEqual({ name: 'kept', folder });
    expect(await newClusterLocation({ 'data-dir': folder, name: 'new' }, env, file())).toEqual({ name: 'new', folder });
    expect(await newClusterLocation({}, { ...env, STRATUM_DATA_DIR: folder }, file())).toMatchObject({ folder });
  });

  it.each(['', 'a/b', '..', '-x', 'x'.repeat(64)])('refuses the name %j', async (name) => {
    await expect(newClusterLocation({ name }, env, file())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('the cluster that runs', () => {
  it('is that of the current context when it is a local one', async () => {
    expect(await knownClusterLocation({}, env, file('ci'))).toEqual({ name: 'ci', folder: '/ci-data' });
    expect(await knownClusterLocation({}, env, file('remote'))).toMatchObject({ name: 'local' });
    const other = { ...env, STRATUM_CONTEXT: 'ci' };
    expect(await knownClusterLocation({}, other, file('remote'))).toMatchObject({ name: 'ci' });
  });

  it('is the one that flags name', async () => {
    expect(await knownClusterLocation({ name: 'x' }, env, file('ci'))).toEqual({ name: 'x', folder: '/x/stratum/x' });
    expect(await knownClusterLocation({ 'data-dir': folder }, env, file('ci'))).toEqual({ name: 'kept', folder });
  });
});
