import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { MiB } from '../../../../src/base/units.ts';
import { GitRunner } from '../../../../src/git/git-runner.ts';
import {
  BareRepositoryCache,
  type BareRepositoryCacheOptions,
} from '../../../../src/node/frontend/bare-repository-cache.ts';
import { RefReader } from '../../../../src/node/frontend/ref-reader.ts';
import type { DiskRoom } from '../../../../src/store/disk-space.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { commit, eventually, git, gitOk, makeWork, RecordingLog } from './frontend-fixture.ts';
import { StoredRepositories } from './stored-repositories.ts';

let fixture: StoredRepositories;
let work: string;
let template: string;
let folder: string;
const signal = new AbortController().signal;

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'template-'));
  template = await makeWork(template, 2);
});
afterAll(() => rmSync(dirname(template), { recursive: true }));

beforeEach(async () => {
  fixture = new StoredRepositories();
  work = join(fixture.folder, 'work');
  cpSync(template, work, { recursive: true });
  await fixture.push(work);
  folder = join(fixture.folder, 'other-cache');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
  fixture.remove();
});

const opened: (() => Promise<void>)[] = [];

async function open(overrides: Partial<BareRepositoryCacheOptions> = {}) {
  const { metadata, objects } = fixture;
  const refs = new RefReader({ cachedRefsMax: 100, timeoutMs: 1000 }, { clock: systemClock, metadata });
  const bounds = { bytesMax: 100 * MiB, downloadsMax: 2, contentCheckIntervalMs: 1000, metadataTimeoutMs: 1000 };
  const clock = manualClock();
  const stopping = new AbortController();
  const disk: { room: DiskRoom } = { room: { freeBytes: 1e12, capacityBytes: 2e12 } };
  const runner = new GitRunner({ processesMax: 2, queueMax: 10 }, { clock: systemClock });
  const cache = new BareRepositoryCache(
    { folder, ...bounds, ...overrides },
    {
      clock,
      log: new RecordingLog(),
      metadata,
      objects,
      refs,
      git: runner,
      stopping: stopping.signal,
      measureDisk: async () => disk.room,
    },
  );
  await cache.open();
  const close = async () => {
    stopping.abort(new Error('stopping'));
    await cache.close();
  };
  opened.push(close);
  return { cache, clock, disk, close };
}

/** Uses a repository and says where it is. */
const touch = (cache: BareRepositoryCache, repo = 'owner/name') =>
  cache.use(repo, signal, async (repository) => repository.path);

const packs = (path: string) => readdirSync(join(path, 'objects', 'pack')).filter((file) => file.endsWith('.pack'));

const packList = (repo = 'owner/name') => fixture.metadata.repos.get(repo)?.packs ?? [];

/** Pushes once more, with a pack that has all that the first one has, and takes that one out of the list. */
async function supersedeFirstPack(): Promise<void> {
  const [old] = packList();
  await commit(work, 'more.txt', `more ${newestGeneration()}`);
  await fixture.push(work);
  const remove = [old?.name ?? ''];
  await fixture.metadata.replacePacks({ repo: 'owner/name', repoId: '', remove, add: [], expectedGeneration: 0n });
}

/** Says that of what was superseded so far some objects are in no listed pack any more. */
function dropUpToNow(): void {
  const { repo } = fixture.metadata.repos.get('owner/name') ?? {};
  if (repo !== undefined) repo.packsDroppedGeneration = repo.packsGeneration;
}

const newestGeneration = () => fixture.metadata.repos.get('owner/name')?.repo.packsGeneration ?? -1n;

const listedPacks = () =>
  packList()
    .map(({ name }) => `pack-${name}.pack`)
    .toSorted();

const touchGeneration = (cache: BareRepositoryCache) =>
  cache.use('owner/name', signal, async ({ packsGeneration }) => packsGeneration);

/** Holds a repository; `done` resolves when it was let go. */
async function holdUntil(cache: BareRepositoryCache, end: Promise<void>): Promise<{ readonly done: Promise<void> }> {
  const begun = Promise.withResolvers<void>();
  const done = cache.use('owner/name', signal, async () => {
    begun.resolve();
    await end;
  });
  await begun.promise;
  return { done };
}

/** What the files below a folder take. */
function bytesIn(path: string): number {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => statSync(join(path, file)));
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

describe('BareRepositoryCache', () => {
  it('makes a repository that git finds whole', async () => {
    const { cache } = await open();
    const path = await cache.use('owner/name', signal, async (repository) => repository.path);
    await gitOk(path, ['fsck', '--full', '--strict']);
    expect(await gitOk(path, ['rev-parse', 'HEAD'])).toBe(await gitOk(work, ['rev-parse', 'HEAD']));
    expect(cache.counters).toMatchObject({ hits: 0, misses: 1, repositories: 1 });
  });

  it('joins callers into few updates and downloads each file once', async () => {
    const { cache } = await open();
    await Promise.all(Array.from({ length: 20 }, () => cache.use('owner/name', signal, async () => undefined)));
    expect(fixture.objects.gets).toBe(3);
  });

  it('downloads several packs at once, and no more files than it may', async () => {
    for (const at of [1, 2]) {
      await commit(work, `next-${at}.txt`, 'x');
      await fixture.push(work);
    }
    const { cache } = await open({ downloadsMax: 2 });
    const { objects } = fixture;
    const get = objects.get.bind(objects);
    const { promise: bothAsk, resolve } = Promise.withResolvers<void>();
    let atOnce = 0;
    let atOnceMax = 0;
    objects.get = async (oid, range) => {
      atOnce += 1;
      atOnceMax = Math.max(atOnceMax, atOnce);
      if (atOnce === 2) resolve();
      await bothAsk;
      const blob = await get(oid, range);
      const chunks = (async function* () {
        yield* blob.chunks;
        atOnce -= 1;
      })();
      return { ...blob, chunks };
    };
    await gitOk(await touch(cache), ['fsck', '--full']);
    expect([objects.gets, atOnceMax]).toEqual([9, 2]);
  });

  it('trusts files of an earlier process by their size', async () => {
    const first = await open();
    await first.cache.use('owner/name', signal, async () => undefined);
    const second = await open();
    await second.cache.use('owner/name', signal, async () => undefined);
    expect(fixture.objects.gets).toBe(3);
  });

  it('has every object of every ref that it shows, also when a push comes between its reads', async () => {
    const { cache } = await open();
    let pushed: Promise<unknown> | undefined;
    fixture.metadata.before = async (call) => {
      if (call !== 'getRepo' || pushed !== undefined) return;
      fixture.metadata.before = () => undefined;
      pushed = commit(work, 'between.txt', 'x').then(() => fixture.push(work));
      await pushed;
    };
    const path = await cache.use('owner/name', signal, async (repository) => repository.path);
    expect(pushed).toBeDefined();
    await gitOk(path, ['fsck', '--full', '--connectivity-only']);
  });

  it('looks at content at most once in the interval, however often it is doubted', async () => {
    const { cache, clock } = await open();
    const refs = await cache.use('owner/name', signal, async (repository) => repository.refs);
    expect(await cache.mend(refs, signal)).toBe(false);
    expect(await cache.mend(refs, signal)).toBe(false);
    clock.advance(1000);
    expect(await cache.mend(refs, signal)).toBe(false);
    expect(fixture.objects.gets).toBe(3);
  });

  it('adopts a pack so that it need not be downloaded', async () => {
    const first = await open();
    const { path, refs } = await first.cache.use('owner/name', signal, async (repository) => repository);
    const name = fixture.metadata.repos.get('owner/name')?.packs[0]?.name ?? '';
    folder = join(fixture.folder, 'third-cache');
    const second = await open();
    await second.cache.adopt(refs, name, path);
    fixture.objects.gets = 0;
    await second.cache.use('owner/name', signal, async () => undefined);
    expect(fixture.objects.gets).toBe(0);
  });

  it('puts an adopted pack on disk in the background', async () => {
    const { path, refs } = await (await open()).cache.use('owner/name', signal, async (repository) => repository);
    folder = join(fixture.folder, 'third-cache');
    const { cache } = await open();
    const file = await openFile(join(path, 'config'));
    const synced = vi.spyOn<FileHandle, 'datasync'>(Object.getPrototypeOf(file), 'datasync');
    await file.close();
    try {
      await cache.adopt(refs, packList()[0]?.name ?? '', path);
      await cache.close();
      expect(synced).toHaveBeenCalledTimes(3); // pack, rev, idx
    } finally {
      synced.mockRestore();
    }
  });

  it('fails for a download that fails, leaves nothing half, and succeeds the next time', async () => {
    const { cache } = await open();
    const saved = new Map(fixture.objects.blobs);
    fixture.objects.blobs.clear();
    await expect(cache.use('owner/name', signal, async () => undefined)).rejects.toMatchObject({
      code: 'BLOB_NOT_FOUND',
    });
    for (const [oid, content] of saved) fixture.objects.blobs.set(oid, content);
    await cache.use('owner/name', signal, ({ path }) => gitOk(path, ['fsck', '--full']));
  });

  it('tells whoever works on it when its refs were brought further meanwhile', async () => {
    const { cache } = await open();
    await cache.use('owner/name', signal, async ({ isUnchanged }) => {
      await touch(cache);
      expect(isUnchanged()).toBe(true);
      await commit(work, 'next.txt', 'x');
      await fixture.push(work);
      await touch(cache);
      expect(isUnchanged()).toBe(false);
    });
  });

  it('refuses a repository that was made again under the name between its reads', async () => {
    const { cache } = await open();
    fixture.metadata.before = async (call) => {
      if (call !== 'getRepo') return;
      fixture.metadata.before = () => undefined;
      await fixture.metadata.deleteRepo({ name: 'owner/name', expectedId: '' });
      await fixture.metadata.createRepo({ name: 'owner/name', objectFormat: 1, head: '' });
    };
    await expect(cache.use('owner/name', signal, async () => undefined)).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
    });
    await cache.use('owner/name', signal, async ({ refs }) => expect(refs.snapshot.refs).toEqual([]));
  });

  it('keeps other folders of its place alone', async () => {
    mkdirSync(join(folder, 'notes'), { recursive: true });
    await open();
    expect(readdirSync(folder)).toEqual(['notes']);
  });
});

describe('a hundred requests at once', () => {
  const hundred = (cache: BareRepositoryCache) =>
    Promise.all(Array.from({ length: 100 }, () => cache.use('owner/name', signal, async () => undefined)));

  it('for a repository that is not there share one update, and two reads of refs', async () => {
    const { cache } = await open();
    fixture.metadata.calls.length = 0;
    await hundred(cache);
    expect(fixture.metadata.calls.toSorted()).toEqual(['getRefs', 'getRefs', 'getRepo']);
    expect(fixture.objects.gets).toBe(3);
  });

  it('for one where nothing has changed make two reads of refs and nothing else', async () => {
    const { cache } = await open();
    await touch(cache);
    fixture.metadata.calls.length = 0;
    await hundred(cache);
    expect(fixture.metadata.calls).toEqual(['getRefs', 'getRefs']);
  });

  it('do not wait for an update that brings nothing to who came late', async () => {
    const { cache } = await open();
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    fixture.metadata.before = (call) => (call === 'getRepo' ? held : undefined);
    const before = fixture.metadata.calls.length;
    const first = touch(cache);
    const late = touch(cache);
    const calls = ['getRefs', 'getRefs', 'getRepo'];
    await eventually(() => expect(fixture.metadata.calls.slice(before).toSorted()).toEqual(calls));
    letGo();
    await Promise.all([first, late]);
    expect(fixture.metadata.calls.slice(before).toSorted()).toEqual(calls);
  });

  it('of which one leaves are served all the same', async () => {
    const { cache } = await open();
    const leaving = new AbortController();
    const left = cache.use('owner/name', leaving.signal, async () => undefined);
    const stays = touch(cache);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await gitOk(await stays, ['fsck', '--full']);
  });
});

describe('a pack that is listed no more', () => {
  it('stays for its grace, then goes although nobody comes any more', async () => {
    const { cache, clock } = await open({ packGraceMs: 600_000 });
    const path = await touch(cache);
    await supersedeFirstPack();
    await touch(cache);
    expect(packs(path)).toHaveLength(2);
    const { bytes } = cache.counters;
    clock.advance(599_000);
    await cache.close();
    expect(packs(path)).toHaveLength(2);
    clock.advance(60_000);
    await eventually(() => expect(packs(path)).toEqual(packList().map(({ name }) => `pack-${name}.pack`)));
    await cache.close();
    expect(cache.counters.bytes).toBeLessThan(bytes);
    await gitOk(path, ['fsck', '--full']);
  });

  it('keeps nobody from the newest generation, whose list has all that it has', async () => {
    const { cache } = await open({ packGraceMs: 600_000 });
    const listed = await touchGeneration(cache);
    await supersedeFirstPack();
    expect(await touchGeneration(cache)).toBe(newestGeneration());
    expect(newestGeneration()).toBeGreaterThan(listed);
  });

  it.each([
    ['nobody', false],
    ['somebody', true],
  ])(
    'goes in the update that hears of dropped objects, with those superseded before, while %s else holds it',
    async (_, isHeld) => {
      const { cache } = await open({ packGraceMs: 600_000 });
      const path = await touch(cache);
      await supersedeFirstPack();
      await touch(cache);
      const end = Promise.withResolvers<void>();
      const held = isHeld ? await holdUntil(cache, end.promise) : undefined;
      await supersedeFirstPack();
      dropUpToNow();
      expect(packs(path)).toHaveLength(2);
      await cache.use('owner/name', signal, async ({ packsGeneration }) => {
        expect(packs(path)).toEqual(listedPacks());
        expect(packsGeneration).toBe(newestGeneration());
        await gitOk(path, ['fsck', '--full']);
      });
      end.resolve();
      await held?.done;
      await cache.close();
      expect(cache.counters.bytes).toBe(bytesIn(path));
    },
  );

  it('keeps the generation that it had for whoever entered before the drop', async () => {
    const { cache } = await open();
    await cache.use('owner/name', signal, async (repository) => {
      const entered = newestGeneration();
      await supersedeFirstPack();
      dropUpToNow();
      await touch(cache);
      expect(repository.packsGeneration).toBe(entered);
    });
  });

  it('goes in the first update of a process, which knows nothing of its objects', async () => {
    const first = await open({ packGraceMs: 600_000 });
    const path = await touch(first.cache);
    await first.close();
    await supersedeFirstPack();
    const second = await open({ packGraceMs: 600_000 });
    await second.cache.use('owner/name', signal, async ({ packsGeneration }) => {
      expect(packs(path)).toEqual(listedPacks());
      expect(packsGeneration).toBe(newestGeneration());
      await gitOk(path, ['fsck', '--full']);
    });
    await second.cache.close();
    expect(second.cache.counters.bytes).toBe(bytesIn(path));
  });

  it('goes after the multi-pack-index that names it, also while somebody holds the repository', async () => {
    const { cache } = await open({ packGraceMs: 600_000, unindexedPacksMax: 1 });
    for (const at of [1, 2]) {
      await commit(work, `next-${at}.txt`, 'x');
      await fixture.push(work);
    }
    const path = await touch(cache);
    const index = join(path, 'objects', 'pack', 'multi-pack-index');
    await cache.close();
    expect(existsSync(index)).toBe(true);
    const end = Promise.withResolvers<void>();
    const held = await holdUntil(cache, end.promise);
    await supersedeFirstPack();
    dropUpToNow();
    await cache.use('owner/name', signal, () => gitOk(path, ['rev-list', '--objects', '--all']));
    await cache.close();
    await gitOk(path, ['multi-pack-index', 'verify']);
    end.resolve();
    await held.done;
  });

  it('stays while a request that may have opened it runs, and goes when that ends', async () => {
    const { cache, clock } = await open({ packGraceMs: 1000 });
    const ended = await cache.use('owner/name', signal, async ({ path }) => {
      await supersedeFirstPack();
      await touch(cache);
      clock.advance(100_000);
      await touch(cache);
      await cache.close();
      expect(packs(path)).toHaveLength(2);
      return path;
    });
    await eventually(() => expect(packs(ended)).toHaveLength(1));
  });

  it('stays when it is listed again within its grace', async () => {
    const { cache, clock } = await open({ packGraceMs: 600_000 });
    const path = await touch(cache);
    const [old] = packList();
    await supersedeFirstPack();
    await touch(cache);
    const add = old === undefined ? [] : [old];
    await fixture.metadata.replacePacks({ repo: 'owner/name', repoId: '', remove: [], add, expectedGeneration: 0n });
    fixture.objects.gets = 0;
    await touch(cache);
    clock.advance(1_000_000);
    await cache.close();
    expect(packs(path)).toHaveLength(2);
    expect(fixture.objects.gets).toBe(0);
  });

  it('is never what a multi-pack-index leads git to', async () => {
    const { cache, clock } = await open({ packGraceMs: 1000, unindexedPacksMax: 1 });
    for (const at of [1, 2]) {
      await commit(work, `next-${at}.txt`, 'x');
      await fixture.push(work);
    }
    const path = await touch(cache);
    const index = join(path, 'objects', 'pack', 'multi-pack-index');
    await cache.close();
    expect(existsSync(index)).toBe(true);
    // Another pack has the same objects; the index may name either of the two for each of them.
    await supersedeFirstPack();
    await touch(cache);
    clock.advance(100_000);
    await eventually(() => expect(packs(path)).toHaveLength(packList().length));
    await cache.close();
    await gitOk(path, ['multi-pack-index', 'verify']);
    await gitOk(path, ['rev-list', '--objects', '--all']);
  });

  it('leaves no timer when the frontend stops', async () => {
    const { cache, clock, close } = await open();
    await touch(cache);
    expect(clock.pendingTimers()).toBe(1);
    await close();
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('the room that repositories take', () => {
  const names = ['o/a', 'o/b', 'o/c'];
  beforeEach(async () => {
    for (const name of names) await fixture.push(work, name);
  });

  /** The size of one of the three, which are equal. */
  async function sizeOfOne(): Promise<number> {
    const { cache, close } = await open();
    await touch(cache, 'o/a');
    const { bytes } = cache.counters;
    await cache.purge();
    await close();
    return bytes;
  }

  it('is what is on the disk', async () => {
    const { cache } = await open();
    const path = await touch(cache);
    const bytes = bytesIn(path);
    expect(cache.counters).toMatchObject({ repositories: 1, bytes, bytesMax: 100 * MiB, evictions: 0 });
  });

  it('is bounded: the least recently used goes', async () => {
    const size = await sizeOfOne();
    const { cache } = await open({ bytesMax: 2.5 * size });
    const a = await touch(cache, 'o/a');
    const b = await touch(cache, 'o/b');
    await touch(cache, 'o/a');
    const c = await touch(cache, 'o/c');
    await cache.close();
    expect([a, b, c].map((path) => existsSync(path))).toEqual([true, false, true]);
    expect(cache.counters).toMatchObject({ repositories: 2, bytes: 2 * size, evictions: 1 });
    await gitOk(await touch(cache, 'o/b'), ['fsck', '--full']);
  });

  it('is exceeded rather than that one in use goes, or the only one', async () => {
    const { cache } = await open({ bytesMax: 1 });
    const [a, b] = await cache.use('o/a', signal, async ({ path }) => {
      const other = await touch(cache, 'o/b');
      await cache.close();
      expect([path, other].map((each) => existsSync(each))).toEqual([true, true]);
      await gitOk(path, ['fsck', '--full']);
      return [path, other];
    });
    await cache.close();
    expect([a, b].map((path) => existsSync(path))).toEqual([false, true]);
    fixture.objects.gets = 0;
    await touch(cache, 'o/b');
    expect(fixture.objects.gets).toBe(0);
  });

  it('counts what an older process left, and keeps what that used last', async () => {
    const size = await sizeOfOne();
    const first = await open();
    const paths = [];
    for (const name of names) paths.push(await touch(first.cache, name));
    await first.close();
    for (const [at, path] of paths.entries()) utimesSync(path, 1000 - at, 1000 - at);
    mkdirSync(`${paths[0]}.evicted`);
    const second = await open({ bytesMax: 1.5 * size });
    expect(second.cache.counters.bytes).toBe(0); // It serves before it has looked.
    await second.cache.close();
    expect(paths.map((path) => existsSync(path))).toEqual([true, false, false]);
    expect(existsSync(`${paths[0]}.evicted`)).toBe(false);
    expect(second.cache.counters).toMatchObject({ repositories: 1, bytes: size, evictions: 2 });
    fixture.objects.gets = 0;
    await touch(second.cache, 'o/a');
    expect(fixture.objects.gets).toBe(0);
  });

  it.each([
    ['has less than a GiB free', { freeBytes: 1e9, capacityBytes: 2e9 }, 1],
    ['has less than a twentieth free', { freeBytes: 4e10, capacityBytes: 1e12 }, 1],
    ['tells nothing of itself', { freeBytes: 0, capacityBytes: 0 }, 3],
  ])('shrinks when the disk %s', async (_, room, left) => {
    const { cache, clock, disk } = await open();
    for (const name of names) await touch(cache, name);
    expect(cache.counters.repositories).toBe(3);
    disk.room = room;
    clock.advance(30_000);
    await cache.close();
    expect(cache.counters.repositories).toBe(left);
  });

  it('is given back by a purge, at once or when the last user has ended', async () => {
    const { cache } = await open();
    const a = await touch(cache, 'o/a');
    const { bytes } = cache.counters;
    const id = fixture.metadata.repos.get('o/b')?.repo.id ?? '';
    const b = await cache.use('o/b', signal, async ({ path }) => {
      expect(await cache.purge({ repoId: id })).toEqual({ repositories: 0, bytes: 0, deferred: 1 });
      expect(await cache.purge({ dryRun: true })).toEqual({ repositories: 1, bytes, deferred: 1 });
      expect(await cache.purge()).toEqual({ repositories: 1, bytes, deferred: 1 });
      await gitOk(path, ['fsck', '--full']);
      return path;
    });
    await cache.close();
    expect([a, b].map((path) => existsSync(path))).toEqual([false, false]);
    expect(readdirSync(folder)).toEqual([]);
    expect(cache.counters).toMatchObject({ repositories: 0, bytes: 0, evictions: 0 });
  });

  it('is given back by a purge that comes before anybody has looked at what an older process left', async () => {
    const size = await sizeOfOne();
    const first = await open();
    for (const name of names) await touch(first.cache, name);
    await first.close();
    const { cache } = await open();
    expect(await cache.purge({ dryRun: true })).toEqual({ repositories: 3, bytes: 3 * size, deferred: 0 });
    const { cache: other } = await open();
    const id = fixture.metadata.repos.get('o/b')?.repo.id ?? '';
    expect(await other.purge({ repoId: id })).toEqual({ repositories: 1, bytes: size, deferred: 0 });
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('is cleared of half-written files before anybody writes into it', async () => {
    const first = await open();
    const leftover = join(await touch(first.cache), 'objects', 'pack', 'tmp_pack_1');
    await first.close();
    writeFileSync(leftover, 'x');
    const evicted = join(folder, 'x.git.evicted'); // Keeps the look in the background busy.
    mkdirSync(evicted);
    for (let at = 0; at < 1000; at += 1) writeFileSync(join(evicted, `${at}`), '');
    const { cache } = await open();
    const seen: boolean[] = [];
    fixture.metadata.before = (call) => {
      if (call === 'getRepo') seen.push(existsSync(leftover));
    };
    await touch(cache);
    expect(seen).toEqual([false]);
  });

  it('is counted also where a request comes first', async () => {
    const first = await open();
    for (const name of names) await touch(first.cache, name);
    const { bytes } = first.cache.counters;
    await first.close();
    const { cache } = await open();
    fixture.objects.gets = 0;
    await Promise.all(names.map((name) => touch(cache, name)));
    await cache.close();
    expect(cache.counters).toMatchObject({ repositories: 3, bytes, misses: 0 });
    expect(fixture.objects.gets).toBe(0);
  });

  it('never takes a repository from under those that come while it is evicted', async () => {
    const { cache } = await open({ bytesMax: 1 });
    const askInTurn = async (from: number) => {
      for (let at = from; at < from + 8; at += 1) {
        await cache.use(names[at % names.length] ?? '', signal, ({ path }) =>
          gitOk(path, ['rev-list', '--objects', '--all']),
        );
      }
    };
    await Promise.all([askInTurn(0), askInTurn(1)]);
    expect(cache.counters.evictions).toBeGreaterThan(0);
  });
});

describe('a repository that was damaged is right at the next use', () => {
  const first = (path: string, extension: string) => {
    const pack = join(path, 'objects', 'pack');
    return join(pack, readdirSync(pack).find((file) => file.endsWith(extension)) ?? '');
  };
  const flip = (file: string) => {
    chmodSync(file, 0o644);
    const bytes = readFileSync(file);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
  };
  const truncate = (file: string) => {
    chmodSync(file, 0o644);
    writeFileSync(file, readFileSync(file).subarray(0, -30));
  };

  it.each<[string, (path: string) => void]>([
    ['config lost', (path) => rmSync(join(path, 'config'))],
    ['config garbled', (path) => writeFileSync(join(path, 'config'), '[core')],
    [
      'config a folder',
      (path) => {
        rmSync(join(path, 'config'));
        mkdirSync(join(path, 'config', 'x'), { recursive: true });
      },
    ],
    ['HEAD lost', (path) => rmSync(join(path, 'HEAD'))],
    ['HEAD garbled', (path) => writeFileSync(join(path, 'HEAD'), 'nonsense')],
    ['packed-refs lost', (path) => rmSync(join(path, 'packed-refs'))],
    ['packed-refs garbled', (path) => writeFileSync(join(path, 'packed-refs'), 'nonsense\n')],
    ['its packs lost', (path) => rmSync(join(path, 'objects', 'pack'), { recursive: true })],
    [
      'a file for its objects',
      (path) => {
        rmSync(join(path, 'objects'), { recursive: true });
        writeFileSync(join(path, 'objects'), '');
      },
    ],
    ['everything lost', (path) => rmSync(path, { recursive: true })],
    ['the whole cache lost', () => rmSync(folder, { recursive: true })],
    ['a pack truncated', (path) => truncate(first(path, '.pack'))],
    ['an index truncated', (path) => truncate(first(path, '.idx'))],
    ['a pack flipped', (path) => flip(first(path, '.pack'))],
    ['an index flipped', (path) => flip(first(path, '.idx'))],
    ['a reverse index flipped', (path) => flip(first(path, '.rev'))],
    ['an index lost', (path) => rmSync(first(path, '.idx'))],
  ])('%s', async (_, damage) => {
    const { cache } = await open();
    const path = await touch(cache);
    damage(path);
    await cache.use('owner/name', signal, async (repository) => {
      await gitOk(repository.path, ['fsck', '--full', '--strict']);
      expect(await gitOk(repository.path, ['rev-parse', 'HEAD'])).toBe(await gitOk(work, ['rev-parse', 'HEAD']));
    });
  });

  it.each<[string, (path: string) => void]>([
    [
      'a loose ref that leads nowhere',
      (path) => {
        mkdirSync(join(path, 'refs', 'heads'));
        writeFileSync(join(path, 'refs', 'heads', 'bad'), 'nonsense\n');
      },
    ],
    [
      'objects borrowed from nowhere',
      (path) => writeFileSync(join(path, 'objects', 'info', 'alternates'), '/nowhere\n'),
    ],
    [
      'a commit-graph of another repository',
      (path) => writeFileSync(join(path, 'objects', 'info', 'commit-graph'), 'CGPH'),
    ],
    ['a broken multi-pack-index', (path) => writeFileSync(join(path, 'objects', 'pack', 'multi-pack-index'), 'MIDX')],
  ])('%s goes when git complains', async (_, damage) => {
    const { cache } = await open();
    const path = await touch(cache);
    damage(path);
    const refs = await cache.use('owner/name', signal, async (repository) => repository.refs);
    await cache.mend(refs, signal);
    expect(await git(path, ['fsck', '--full', '--strict'])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('also for the second of two requests that failed for the same damage', async () => {
    const { cache } = await open();
    const path = await touch(cache);
    const refs = await cache.use('owner/name', signal, async (repository) => repository.refs);
    const pack = first(path, '.pack');
    const { atime, mtime } = statSync(pack);
    flip(pack);
    utimesSync(pack, atime, mtime); // Rot: nobody has written the file.
    expect(await Promise.all([cache.mend(refs, signal), cache.mend(refs, signal)])).toEqual([true, true]);
    await gitOk(path, ['fsck', '--full', '--strict']);
  });

  it('and whole when its folder goes again and again while requests run', async () => {
    const { cache } = await open();
    await touch(cache);
    let wrong = 0;
    const tip = await gitOk(work, ['rev-parse', 'HEAD']);
    const ask = async () => {
      const path = await touch(cache).catch(() => undefined); // Clean.
      const answer = path === undefined ? undefined : await git(path, ['rev-parse', 'HEAD']);
      if (answer?.exitCode === 0 && answer.stdout !== tip) wrong += 1;
    };
    for (let round = 0; round < 5; round += 1) {
      const asking = [ask(), ask(), ask()];
      rmSync(folder, { recursive: true, force: true });
      await Promise.all(asking);
    }
    expect(wrong).toBe(0);
    await gitOk(await touch(cache), ['fsck', '--full', '--strict']);
  });
});

describe('many packs', () => {
  it('get one index over them in the background, which later packs do not void', async () => {
    const { cache } = await open({ unindexedPacksMax: 2 });
    for (const at of [1, 2]) {
      await commit(work, `next-${at}.txt`, 'x');
      await fixture.push(work);
    }
    const path = await touch(cache);
    await cache.close();
    await gitOk(path, ['multi-pack-index', 'verify']);
    const index = statSync(join(path, 'objects', 'pack', 'multi-pack-index'));
    expect(cache.counters.bytes).toBeGreaterThan(index.size);
    await commit(work, 'last.txt', 'x');
    await fixture.push(work);
    await touch(cache);
    await cache.close();
    expect(statSync(join(path, 'objects', 'pack', 'multi-pack-index')).mtimeMs).toBe(index.mtimeMs);
    await gitOk(path, ['fsck', '--full', '--connectivity-only']);
  });

  it('get none when there are few', async () => {
    const { cache } = await open({ unindexedPacksMax: 1 });
    const path = await touch(cache);
    await cache.close();
    expect(readdirSync(join(path, 'objects', 'pack'))).not.toContain('multi-pack-index');
  });
});
