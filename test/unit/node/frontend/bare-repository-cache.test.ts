import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BareRepositoryCache } from '../../../../src/node/frontend/bare-repository-cache.ts';
import { RefReader } from '../../../../src/node/frontend/ref-reader.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { commit, type Fixture, gitOk, makeWork, RecordingLog, startFixture } from './frontend-fixture.ts';

let fixture: Fixture;
let work: string;
let folder: string;
const signal = new AbortController().signal;

beforeEach(async () => {
  fixture = await startFixture();
  work = await makeWork(fixture.folder);
  await gitOk(work, ['push', '-q', fixture.url(), 'main']);
  folder = join(fixture.folder, 'other-cache');
});
afterEach(() => fixture.stop());

async function open() {
  const { metadata, objects } = fixture;
  const refs = new RefReader({ cachedRefsMax: 100, timeoutMs: 1000 }, { metadata });
  const options = { folder, downloadsMax: 2, contentCheckIntervalMs: 1000, metadataTimeoutMs: 1000 };
  const clock = manualClock();
  const modules = { clock, log: new RecordingLog(), metadata, objects, refs, stopping: signal };
  const cache = new BareRepositoryCache(options, modules);
  await cache.open();
  return { cache, clock };
}

const packs = (path: string) => readdirSync(join(path, 'objects', 'pack')).filter((file) => file.endsWith('.pack'));

describe('BareRepositoryCache', () => {
  it('makes a repository that git finds whole', async () => {
    const { cache } = await open();
    const path = await cache.use('owner/name', signal, async (repository) => repository.path);
    await gitOk(path, ['fsck', '--full', '--strict']);
    expect(await gitOk(path, ['rev-parse', 'HEAD'])).toBe(await gitOk(work, ['rev-parse', 'HEAD']));
    expect(cache.counters).toEqual({ hits: 0, misses: 1 });
  });

  it('joins callers into few updates and downloads each file once', async () => {
    const { cache } = await open();
    await Promise.all(Array.from({ length: 20 }, () => cache.use('owner/name', signal, async () => undefined)));
    expect(fixture.objects.gets).toBe(3);
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
      pushed = commit(work, 'between.txt', 'x').then(() => gitOk(work, ['push', '-q', fixture.url(), 'main']));
      await pushed;
    };
    const path = await cache.use('owner/name', signal, async (repository) => repository.path);
    expect(pushed).toBeDefined();
    await gitOk(path, ['fsck', '--full', '--connectivity-only']);
  });

  it('drops packs that are no longer listed, but not under a running request', async () => {
    const { cache } = await open();
    const replace = async () => {
      const stored = fixture.metadata.repos.get('owner/name');
      const [old] = stored?.packs ?? [];
      await commit(work, 'more.txt', 'more');
      await gitOk(work, ['push', '-q', fixture.url(), 'main']);
      await fixture.metadata.replacePacks({
        repo: 'owner/name',
        repoId: '',
        remove: [old?.name ?? ''],
        add: [],
        expectedGeneration: 0n,
      });
    };
    await cache.use('owner/name', signal, async ({ path }) => {
      await replace();
      await cache.use('owner/name', signal, async () => undefined);
      expect(packs(path)).toHaveLength(2);
    });
    await commit(work, 'even-more.txt', 'more');
    await gitOk(work, ['push', '-q', '--force', fixture.url(), 'main']).catch(() => undefined);
    await fixture.metadata.setHead({ repo: 'owner/name', repoId: '', head: 'refs/heads/main' });
    const path = await cache.use('owner/name', signal, async (repository) => repository.path);
    const listed = fixture.metadata.repos.get('owner/name')?.packs.map(({ name }) => `pack-${name}.pack`);
    expect(packs(path).sort()).toEqual(listed?.sort());
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
