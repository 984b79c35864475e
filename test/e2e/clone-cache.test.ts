import { execFile } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateHistory } from './generated-history.ts';
import type { GitClient } from './git-client.ts';
import { LocalCluster } from './local-cluster.ts';
import {
  cloneRequest,
  objectsOfPack,
  oldCloneRequest,
  openFetch,
  packedObjects,
  rawFetch,
  v2Fetch,
  wholeBody,
} from './raw-fetch.ts';
import { until } from './until.ts';

const MiB = 1024 * 1024;

/** Larger than what the sockets of a loopback connection hold: who does not read keeps the server waiting. */
const largeFileBytes = 24 * MiB;

const frontend = 'frontend-1';
const repo = 'team/app';
const settleTimeoutMs = 20_000;

interface CacheStats {
  readonly hits: number;
  readonly joins: number;
  readonly misses: number;
  readonly sharedHits: number;
  readonly unstored: number;
  readonly entries: number;
}

const run = promisify(execFile);

describe('clones through the pack cache', () => {
  let cluster: LocalCluster;
  let source: GitClient;
  let url: string;
  let copies = 0;

  beforeAll(async () => {
    cluster = await LocalCluster.start('--frontends', '2', '--git-port', '0');
    const shape = { commits: 300, largeFileBytes, largeFileBranch: 'large' };
    source = await generateHistory(join(cluster.folder, 'work', 'source'), shape);
    url = `${await cluster.gitUrl()}/${repo}`;
    await source.git('push', '--quiet', url, '--all');
    await source.git('push', '--quiet', url, '--tags');
  });
  afterAll(() => cluster?.remove());

  const stats = async (id = frontend): Promise<CacheStats> => {
    const listed = JSON.parse(await cluster.stratum('cache', 'stats', '--frontend', id, '-o', 'json')) as {
      items: CacheStats[];
    };
    const [item] = listed.items;
    if (item === undefined) throw new Error(`no statistics of ${id}`);
    return item;
  };
  const explained = async (ref: string, id = frontend) => {
    const args = ['cache', 'explain', repo, ref, '--frontend', id, '-o', 'json'];
    const { items } = JSON.parse(await cluster.stratum(...args)) as { items: { verdict: string; key: string }[] };
    return items[0];
  };
  const untilStored = (ref: string) =>
    until(`a stored response for ${ref}`, settleTimeoutMs, async (tell) => {
      const answer = await explained(ref);
      tell(JSON.stringify(answer));
      return answer?.verdict === 'hit' ? answer.key : undefined;
    });
  const clone = async (...args: string[]): Promise<GitClient> => {
    copies += 1;
    return source.clone(url, `copy-${copies}`, ...args);
  };
  /** A clone that git finds nothing wrong with, with this commit at its tip. */
  const expectClone = async (tip: string, ...args: string[]) => {
    const copy = await clone('--depth', '1', ...args);
    expect(await copy.git('rev-parse', 'HEAD')).toBe(tip);
    await copy.git('fsck', '--full', '--strict');
  };
  const commit = async (name: string) => {
    await writeFile(join(source.folder, `${name}.txt`), `${name}\n`);
    return source.commit(`Add ${name}`);
  };
  const cacheFolder = () => join(cluster.dataDir, frontend, 'cache');
  /** The frontend is gone and comes back at the same address; what is to be done between is done. */
  const restartAround = async (work: () => Promise<unknown>) => {
    await cluster.kill(frontend);
    await work();
    await cluster.up();
  };

  it('answers twenty shallow clones at once with a run or two of git, and every one is right', async () => {
    const tip = await source.git('rev-parse', 'main');
    const before = await stats();
    await Promise.all(Array.from({ length: 20 }, () => expectClone(tip)));
    const after = await stats();
    const misses = after.misses - before.misses;
    expect(after.hits + after.joins - before.hits - before.joins + misses).toBe(20);
    // The second request for a response is the first one that it is kept for.
    expect(misses).toBeGreaterThanOrEqual(1);
    expect(misses).toBeLessThanOrEqual(2);
  });

  it('sends the same bytes as a miss, a join and a hit', async () => {
    const body = cloneRequest(await source.git('rev-parse', 'main~7'), 1);
    const before = await stats();
    // Nobody has asked before, so this one is not kept; git itself does not make the same bytes twice.
    const unkept = await rawFetch(url, body);
    const [made, ...joined] = await Promise.all(Array.from({ length: 4 }, () => rawFetch(url, body)));
    const stored = await rawFetch(url, body);
    const after = await stats();
    expect([...joined, stored].map((other) => made !== undefined && other.equals(made))).toEqual(Array(4).fill(true));
    const count = packedObjects(stored, 'sha1');
    expect(count).toBeGreaterThan(1);
    expect(packedObjects(unkept, 'sha1')).toBe(count);
    expect(after.hits - before.hits).toBeGreaterThanOrEqual(1);
    expect(after.misses - before.misses).toBeLessThanOrEqual(2);
  });

  it('sends the new commit right after a force push', async () => {
    await source.git('switch', '--quiet', '--create', 'forced', 'main');
    await source.git('push', '--quiet', url, 'forced');
    const old = await source.git('rev-parse', 'forced');
    for (let time = 0; time < 3; time += 1) await expectClone(old, '--branch', 'forced');
    await source.git('reset', '--quiet', '--hard', 'main~20');
    const tip = await commit('forced');
    await source.git('push', '--quiet', '--force', url, 'forced');
    await Promise.all(Array.from({ length: 4 }, () => expectClone(tip, '--branch', 'forced')));
    // And right after it goes back: the stored response is the right one again.
    await source.git('push', '--quiet', '--force', url, `${old}:refs/heads/forced`);
    await expectClone(old, '--branch', 'forced');
    await source.git('switch', '--quiet', 'main');
  });

  it('refuses to clone a branch right after its deletion, whatever is stored', async () => {
    await source.git('push', '--quiet', url, 'main~3:refs/heads/deleted');
    for (let time = 0; time < 3; time += 1)
      await expectClone(await source.git('rev-parse', 'main~3'), '--branch', 'deleted');
    await untilStored('deleted');
    await source.git('push', '--quiet', url, '--delete', 'deleted');
    const refused = await source.attempt('clone', '--depth=1', '--branch', 'deleted', url, '../copy-deleted');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('Remote branch deleted not found');
    await expectClone(await source.git('rev-parse', 'main'));
  });

  it('has the response to the next clone ready after a push to a branch that was cloned', async () => {
    await expectClone(await source.git('rev-parse', 'main'));
    const tip = await commit('warmed');
    await source.git('push', '--quiet', url, 'main');
    await untilStored('main');
    const before = await stats();
    await expectClone(tip);
    const after = await stats();
    expect([after.hits - before.hits, after.misses - before.misses]).toEqual([1, 0]);
  });

  it('lets a second frontend send what the first one has stored, without git', async () => {
    const tip = await source.git('rev-parse', 'main');
    await expectClone(tip);
    await expectClone(tip);
    const key = await untilStored('main');
    // It is put to an object node when it is stored here, and its file has the key for its name.
    await until('the response at an object node', settleTimeoutMs, async (tell) => {
      const files = await Promise.all(
        [1, 2, 3].map((at) => readdir(join(cluster.dataDir, `object-${at}`), { recursive: true })),
      );
      tell(`${files.flat().length} files`);
      return files.flat().some((file) => file.includes(key)) ? true : undefined;
    });
    const second = (await cluster.processes()).find(({ id }) => id === 'frontend-2')?.gitUrl ?? '';
    const body = cloneRequest(await source.git('rev-parse', 'main'), 1);
    const before = await stats('frontend-2');
    const answer = await rawFetch(`${second.replace(/\/$/, '')}/${repo}`, body);
    const after = await stats('frontend-2');
    expect(after.sharedHits - before.sharedHits).toBe(1);
    expect(answer.equals(await rawFetch(url, body))).toBe(true);
  });

  it('keeps what it has through a restart', async () => {
    const tip = await source.git('rev-parse', 'main');
    await expectClone(tip);
    await expectClone(tip);
    await untilStored('main');
    await restartAround(async () => undefined);
    await expectClone(tip);
    expect(await stats()).toMatchObject({ hits: 1, misses: 0 });
  });

  it.each([
    { what: 'made by git', times: 0 },
    { what: 'stored', times: 3 },
  ])('breaks off a response that is $what when the frontend is killed, and never ends it', async ({ times }) => {
    // Another depth each time, so that nothing has been asked for before.
    const body = cloneRequest(await source.git('rev-parse', 'large'), 5 + times);
    for (let time = 0; time < times; time += 1) packedObjects(await rawFetch(url, body), 'sha1');
    const answer = await openFetch(url, body);
    expect(answer.statusCode).toBe(200);
    await restartAround(async () => {
      const outcome = await wholeBody(answer).then(
        (content) => `ended after ${content.length} bytes`,
        (error: NodeJS.ErrnoException) => error.code,
      );
      expect(outcome).toMatch(/^ECONN/);
    });
    const whole = await rawFetch(url, body);
    expect(whole.length).toBeGreaterThan(largeFileBytes);
    packedObjects(whole, 'sha1');
  });

  it.each([['packs'], ['repositories'], ['.']])(
    'answers rightly when the folder %s of the cache is deleted while it runs',
    async (name) => {
      const tip = await source.git('rev-parse', 'main');
      for (let time = 0; time < 2; time += 1) await expectClone(tip);
      await rm(join(cacheFolder(), name), { recursive: true });
      // What is stored, what is not, and a push.
      await expectClone(tip);
      await expectClone(await source.git('rev-parse', 'large'), '--branch', 'large');
      const newer = await commit(`deleted-${name === '.' ? 'all' : name}`);
      await source.git('push', '--quiet', url, 'main');
      await Promise.all(Array.from({ length: 4 }, () => expectClone(newer)));
      await untilStored('main');
      const copy = await clone('--mirror');
      await copy.git('fsck', '--full', '--strict');
    },
  );

  it('goes on when a stored response is flipped on the disk: the client sees an error, the next one a right answer', async () => {
    const tip = await source.git('rev-parse', 'main');
    await expectClone(tip);
    await expectClone(tip);
    const key = await untilStored('main');
    await restartAround(async () => {
      const files = await readdir(join(cacheFolder(), 'packs'), { recursive: true });
      const file = files.find((each) => each.includes(key)) ?? '';
      await run('sh', ['-c', `printf XXXX | dd of="${join(cacheFolder(), 'packs', file)}" bs=1 seek=400 conv=notrunc`]);
    });
    const body = cloneRequest(tip, 1);
    const answers = await Promise.allSettled([rawFetch(url, body)]);
    // A broken stream, or a right answer; both are allowed, half an answer that ends is not.
    for (const answer of answers) if (answer.status === 'fulfilled') packedObjects(answer.value, 'sha1');
    await expectClone(tip);
  });

  it('sends whole responses while the repository is repacked in their middle', async () => {
    for (let at = 0; at < 6; at += 1) {
      await commit(`repacked-${at}`);
      await source.git('push', '--quiet', url, 'main');
    }
    const tip = await source.git('rev-parse', 'main');
    const large = await source.git('rev-parse', 'large');
    const full = v2Fetch(['ofs-delta', 'no-progress', `want ${large}`, 'done']);
    const answers = [await openFetch(url, full), await openFetch(url, full)];
    // git itself goes on with this one in the old packs: in protocol 0 it works at its client's pace.
    const slow = await openFetch(url, oldCloneRequest(large, 'ofs-delta'), 0);
    const args = ['repo', 'maintain', repo, '--full', '--frontend', frontend, '-o', 'json'];
    const { items } = JSON.parse(await cluster.stratum(...args)) as { items: object[] };
    expect(items).toMatchObject([{ step: 'done', changed: true }]);
    await expectClone(tip);
    const contents = await Promise.all(answers.map(wholeBody));
    const count = Number(await source.git('rev-list', '--objects', '--count', 'large'));
    for (const content of contents) expect(packedObjects(content, 'sha1')).toBe(count);
    expect(objectsOfPack((await wholeBody(slow)).subarray('0008NAK\n'.length), 'sha1')).toBe(count);
    const copy = await clone('--mirror');
    await copy.git('fsck', '--full', '--strict');
    expect(await copy.git('rev-parse', 'refs/heads/main')).toBe(tip);
  });

  it('answers without storing while its disk is full, and stores again when there is room', async (context) => {
    const packs = join(cacheFolder(), 'packs');
    const tip = await source.git('rev-parse', 'main');
    let isMounted = false;
    try {
      await restartAround(async () => {
        isMounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', packs]).then(
          () => true,
          () => false,
        );
      });
      if (!isMounted) return context.skip('only root may mount a file system');
      await Promise.all(Array.from({ length: 6 }, () => expectClone(tip)));
      await expectClone(await source.git('rev-parse', 'large'), '--branch', 'large');
      expect((await explained('main'))?.verdict).toBe('miss');
      const { entries, hits, unstored } = await stats();
      expect([entries, hits]).toEqual([0, 0]);
      expect(unstored).toBeGreaterThan(0);
    } finally {
      if (isMounted) await restartAround(() => run('umount', ['-l', packs]));
    }
    await expectClone(tip);
    await expectClone(tip);
    await untilStored('main');
  });
});
