import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { MiB } from '../../../src/base/units.ts';
import { LmdbTopologyStore } from '../../../src/consensus/lmdb-topology-store.ts';
import { singleKey } from '../../../src/store/keys.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { smallDisk } from '../store/small-disk.ts';
import { applied, emptyCluster, formedCluster, register } from '../topology/sample-cluster.ts';

let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'stratum-topology-store-'));
});
afterEach(() => rm(path, { recursive: true }));

/** The child process as plain JavaScript: Node itself does not run the enums of the generated code. */
async function bundledChild(): Promise<string> {
  const outfile = join(path, 'child.cjs');
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  await build({
    entryPoints: [fileURLToPath(new URL('./commit-until-killed.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    alias: { lmdb },
    external: [lmdb],
  });
  return outfile;
}

/** Puts raw bytes in place of a record. */
async function overwrite(key: Buffer, bytes: Buffer): Promise<void> {
  const database = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary' });
  database.putSync(key, bytes);
  await database.close();
}

describe('LmdbTopologyStore', () => {
  it('reads back every part of a topology', async () => {
    const topology = applied(formedCluster(), register({ id: 'z', labels: { zone: 'a' }, httpUrl: 'http://h:1' }));
    const store = new LmdbTopologyStore({ path });
    expect(await store.load()).toBeUndefined();
    await store.write({ term: 2n ** 63n, topology });
    await store.close();
    const again = new LmdbTopologyStore({ path });
    expect(await again.load()).toEqual({ term: 2n ** 63n, topology, updates: [] });
    await again.close();
  });

  it('forgets on disk what is to be forgotten, in the same transaction', async () => {
    const store = new LmdbTopologyStore({ path });
    await store.load();
    await store.write({ term: 1n, topology: emptyCluster() });
    let topology = emptyCluster();
    for (const id of ['a', 'b', 'c']) {
      const next = reduce(topology, register({ id }), 1n);
      topology = next.topology;
      if (next.update !== undefined) await store.write({ topology, update: next.update, forgetUpTo: 1n });
    }
    await store.close();
    const again = new LmdbTopologyStore({ path });
    expect((await again.load())?.updates.map(({ version }) => version)).toEqual([2n, 3n]);
    await again.close();
  });

  it.each<[string, Buffer]>([
    ['an unknown record version', Buffer.of(9, 1, 2)],
    ['an empty record', Buffer.alloc(0)],
    ['half a record', Buffer.of(1, 0x0a, 0x40, 0x41)],
  ])('refuses a topology with %s as DATA_CORRUPT and says what to do', async (_, bytes) => {
    const store = new LmdbTopologyStore({ path });
    await store.load();
    await store.write({ term: 1n, topology: emptyCluster() });
    await store.close();
    await overwrite(singleKey('coordinatorTopology'), bytes);
    const damaged = new LmdbTopologyStore({ path });
    await expect(damaged.load()).rejects.toSatisfy(
      (error) => hasCode(error, 'DATA_CORRUPT') && error.message.includes(path) && error.hint !== undefined,
    );
    await damaged.close();
  });

  it('refuses a store that has lost its topology, rather than begin a new cluster in it', async () => {
    await overwrite(singleKey('coordinatorTerm'), Buffer.concat([Buffer.of(1), Buffer.alloc(8, 1)]));
    const store = new LmdbTopologyStore({ path });
    await expect(store.load()).rejects.toSatisfy((error) => hasCode(error, 'DATA_CORRUPT'));
    await store.close();
  });

  it('refuses to write before it is opened and after it is closed', async () => {
    const store = new LmdbTopologyStore({ path });
    await expect(store.write({ term: 1n })).rejects.toSatisfy((error) => hasCode(error, 'SHUTTING_DOWN'));
    await store.load();
    await store.close();
    await expect(store.write({ term: 1n })).rejects.toSatisfy((error) => hasCode(error, 'SHUTTING_DOWN'));
  });

  it('says DISK_FULL on a full disk, keeps what it has, and goes on when there is room', async (context) => {
    const disk = await smallDisk(4 * MiB);
    if (disk === undefined) return context.skip('only root may mount a file system');
    const store = new LmdbTopologyStore({ path: join(disk.path, 'store') });
    try {
      await store.load();
      await store.write({ term: 1n, topology: emptyCluster() });
      const ballast = join(disk.path, 'ballast');
      await expect(writeFile(ballast, Buffer.alloc(8 * MiB))).rejects.toMatchObject({ code: 'ENOSPC' });
      const next = reduce(emptyCluster(), register({ id: 'a' }), 1n).topology;
      const writes = async () => {
        // The first ones may still find free pages inside the file.
        for (let count = 0; count < 50; count += 1) await store.write({ term: 2n, topology: next });
      };
      const large = { ...next, clusterId: 'x'.repeat(MiB) };
      await expect(writes().then(() => store.write({ topology: large }))).rejects.toSatisfy((error) =>
        hasCode(error, 'DISK_FULL'),
      );
      await rm(ballast);
      await store.write({ term: 3n, topology: next });
      await store.close();
      const again = new LmdbTopologyStore({ path: join(disk.path, 'store') });
      expect(await again.load()).toMatchObject({ term: 3n });
      await again.close();
    } finally {
      await store.close();
      await disk.remove();
    }
  });

  it('has every acknowledged update after its process was killed', async () => {
    const child = fork(await bundledChild(), [join(path, 'store')], { stdio: 'ignore' });
    const acknowledged: string[] = [];
    const enough = Promise.withResolvers<void>();
    child.on('message', (version) => {
      acknowledged.push(String(version));
      if (acknowledged.length === 30) enough.resolve();
    });
    const exited = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
    await Promise.race([enough.promise, exited]);
    child.kill('SIGKILL');
    expect(await exited).toBe('SIGKILL');
    const store = new LmdbTopologyStore({ path: join(path, 'store') });
    const stored = await store.load();
    await store.close();
    expect(stored !== undefined && stored.topology.version >= BigInt(acknowledged.at(-1) ?? '0')).toBe(true);
    expect(stored?.updates.map(({ version }) => version)).toEqual(
      Array.from({ length: Number(stored?.topology.version) }, (_, index) => BigInt(index + 1)),
    );
  });
});
