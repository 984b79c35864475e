import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { encodePkt } from '../../../../src/git/pkt-line.ts';
import {
  commit,
  eventually,
  type Fixture,
  frontendOptions,
  git,
  gitOk,
  makeWork,
  startFixture,
} from './frontend-fixture.ts';
import { post, rawRequest } from './raw-http.ts';

let fixture: Fixture;
let work: string;
let tip: string;

beforeEach(async () => {
  fixture = await startFixture();
  work = await makeWork(fixture.folder, 3);
  await gitOk(work, ['push', '-q', fixture.url(), 'main']);
  tip = await gitOk(work, ['rev-parse', 'HEAD']);
});
afterEach(() => fixture.stop());

const stats = () => fixture.frontend.operations.stats();
const never = new AbortController().signal;

/** A fetch of protocol v2 with these arguments. */
async function fetch(...args: string[]) {
  const lines = ['command=fetch', 'object-format=sha1'].map((line) => encodePkt(`${line}\n`));
  const body = [...lines, Buffer.from('0001'), ...args.map((arg) => encodePkt(`${arg}\n`)), Buffer.from('0000')];
  const request = post('/owner/name.git/git-upload-pack', Buffer.concat(body), { 'Git-Protocol': 'version=2' });
  return await rawRequest(fixture.frontend.url, request);
}

const shallowArgs = (id: string) => [`want ${id}`, 'deepen 1', 'include-tag', 'ofs-delta', 'done'];
const shallow = (id: string) => fetch(...shallowArgs(id));

/** Asks until the response is stored. */
async function store(id: string) {
  await shallow(id);
  const second = await shallow(id);
  await eventually(() => expect(stats().entries).toBe(1));
  return second;
}

describe('a fetch that was asked for before', () => {
  it('is the same bytes, made, joined and stored, with its length when that is known', async () => {
    const [first, joined] = await Promise.all([shallow(tip), shallow(tip)]);
    await eventually(() => expect(stats()).toMatchObject({ entries: 1 }));
    const hit = await shallow(tip);
    expect(stats()).toMatchObject({ misses: 1, joins: 1, hits: 1, bypasses: 0, hitBytes: hit.body.length });
    expect(joined.body.equals(first.body)).toBe(true);
    expect(hit.body.equals(first.body)).toBe(true);
    expect(hit.headers['content-length']).toBe(String(hit.body.length));
  });

  it('is stored for clients that show progress and that do not, and that repeat themselves', async () => {
    const first = await store(tip);
    const other = await fetch('thin-pack', 'no-progress', ...shallowArgs(tip), `want ${tip}`);
    expect(other.body.equals(first.body)).toBe(true);
    expect(stats()).toMatchObject({ misses: 2, hits: 1 });
  });

  it('survives a push to another branch, and not the first sight of an annotated tag', async () => {
    const first = await store(tip);
    await commit(work, 'other.txt', 'other');
    await gitOk(work, ['push', '-q', fixture.url(), 'main:refs/heads/other']);
    await shallow(tip);
    expect(stats()).toMatchObject({ misses: 2, hits: 1 });
    await gitOk(work, ['tag', '-a', '-m', 'one', 'v1', tip]);
    await gitOk(work, ['push', '-q', fixture.url(), 'v1']);
    const tagged = await shallow(tip);
    expect(tagged.body.equals(first.body)).toBe(false);
    expect(tagged.body.length).toBeGreaterThan(first.body.length);
  });

  it('is served when its branch was forced elsewhere: who has the id may have the object', async () => {
    const first = await store(tip);
    await commit(work, 'more.txt', 'more');
    await gitOk(work, ['commit', '-q', '--amend', '-m', 'forced']);
    await gitOk(work, ['push', '-q', '--force', fixture.url(), 'main']);
    expect((await shallow(tip)).body.equals(first.body)).toBe(true);
  });

  it('is made anew when the cache folder was deleted, and stored again', async () => {
    await store(tip);
    await fixture.restart();
    rmSync(join(fixture.folder, 'cache-0', 'packs'), { recursive: true });
    const again = await shallow(tip);
    expect(again.whole && again.body.includes('PACK')).toBe(true);
    expect(stats()).toMatchObject({ misses: 1, hits: 0 });
    await store(tip);
    expect(readdirSync(join(fixture.folder, 'cache-0', 'packs')).length).toBeGreaterThan(0);
  });

  it('is stored across a restart', async () => {
    const first = await store(tip);
    await fixture.restart();
    expect((await shallow(tip)).body.equals(first.body)).toBe(true);
    expect(stats()).toMatchObject({ misses: 0, hits: 1 });
  });

  it('is not served from a repository of the same name that was made since', async () => {
    await store(tip);
    await fixture.metadata.deleteRepo({ name: 'owner/name', expectedId: '' });
    expect((await git(work, ['ls-remote', fixture.url()])).exitCode).not.toBe(0);
    expect(await shallow(tip)).toMatchObject({ status: 404 });
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    await gitOk(work, ['ls-remote', fixture.url()]);
    await shallow(tip);
    expect(stats()).toMatchObject({ misses: 3, hits: 0 });
  });

  it('never stores what only negotiates', async () => {
    for (let at = 0; at < 3; at += 1) {
      const answer = await fetch(`want ${tip}`, `have ${'f'.repeat(40)}`);
      expect(answer.body.toString()).toContain('acknowledgments');
    }
    expect(stats()).toMatchObject({ entries: 0, misses: 3, bypasses: 0 });
  });

  it('never stores an error, nor what only git can judge', async () => {
    const absent = 'f'.repeat(40);
    for (let at = 0; at < 3; at += 1) {
      expect((await shallow(absent)).body.toString()).toContain(`ERR upload-pack: not our ref ${absent}`);
      expect((await fetch(`want ${tip}`, 'deepen -1', 'done')).body.toString()).toContain('ERR');
    }
    expect(stats()).toMatchObject({ entries: 0, hits: 0, bypasses: 3 });
  });
});

describe('what another frontend has made', () => {
  it('is taken from the object nodes, and stored here without being sent back', async () => {
    const first = await store(tip);
    await eventually(() => expect(fixture.shared.entries.size).toBe(1));
    await fixture.restart({ fresh: true });
    const { shared } = fixture;
    const computed = shared.computedMs.length;
    const taken = await shallow(tip);
    expect(taken.body.equals(first.body)).toBe(true);
    expect(shared.computedMs).toHaveLength(computed);
    await eventually(() => expect(stats().entries).toBe(1));
    shared.entries.clear();
    expect((await shallow(tip)).body.equals(first.body)).toBe(true);
    expect(stats()).toMatchObject({ misses: 1, hits: 1 });
    expect(shared.entries.size).toBe(0);
  });

  it('is checked before it is shared, also when the folder for that was deleted', async () => {
    await store(tip);
    await eventually(() => expect(fixture.shared.entries.size).toBe(1));
    rmSync(join(fixture.folder, 'cache-0', 'check'), { recursive: true });
    await fetch(`want ${tip}`, 'done');
    await fetch(`want ${tip}`, 'done');
    await eventually(() => expect(fixture.shared.entries.size).toBe(2));
  });

  it('is made here when the question fails', async () => {
    fixture.shared.failure = { error: new StratumError('UNREACHABLE', 'no', { endpoint: 'o1' }) };
    const answer = await shallow(tip);
    expect(answer.body.includes('PACK')).toBe(true);
    expect(fixture.shared.computedMs).toHaveLength(1);
  });

  it('breaks the stream when it breaks off in its middle, and is made here the next time', async () => {
    await store(tip);
    await eventually(() => expect(fixture.shared.entries.size).toBe(1));
    await fixture.restart({ fresh: true });
    const error = new StratumError('UNREACHABLE', 'gone', { endpoint: 'o1' });
    fixture.shared.failure = { error, afterBytes: 100 };
    expect((await shallow(tip)).whole).toBe(false);
    fixture.shared.entries.clear();
    expect((await shallow(tip)).whole).toBe(true);
  });
});

describe('a bit that rots in a cached pack', () => {
  it('is neither kept in a response nor handed on, and is mended', async () => {
    await commit(work, 'big.bin', randomBytes(600_000));
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    const repositories = join(fixture.folder, 'cache-0', 'repositories');
    const packs = join(repositories, readdirSync(repositories)[0] ?? '', 'objects', 'pack');
    const file = readdirSync(packs)
      .filter((name) => name.endsWith('.pack'))
      .map((name) => join(packs, name))
      .find((path) => statSync(path).size > 500_000);
    if (file === undefined) throw new Error('there is no such pack');
    const { atimeMs, mtimeMs } = statSync(file);
    const bytes = readFileSync(file);
    bytes[300_000] = (bytes[300_000] ?? 0) ^ 1;
    chmodSync(file, 0o644);
    writeFileSync(file, bytes);
    utimesSync(file, atimeMs / 1_000, mtimeMs / 1_000); // As the disk would do it, which tells nobody.
    const clone = async (name: string) =>
      (await git(fixture.folder, ['clone', '-q', '--depth=1', '--bare', fixture.url(), name])).exitCode;
    expect(await clone('first')).not.toBe(0);
    expect(await clone('second')).not.toBe(0);
    await eventually(() => expect(fixture.log.lines).toContainEqual(expect.objectContaining({ level: 'error' })));
    await eventually(() => expect(stats().entries).toBe(0));
    expect(fixture.shared.entries.size).toBe(0);
    await eventually(async () => expect(await clone(`again-${stats().misses}`)).toBe(0));
    await eventually(() => expect(fixture.shared.entries.size).toBe(1));
  });
});

describe('a push to a branch that was cloned lately', () => {
  it('has the next shallow clone prepared, and no other', async () => {
    await shallow(tip);
    await fetch(`want ${tip}`, 'done');
    const next = await commit(work, 'next.txt', 'next');
    await gitOk(work, ['push', '-q', fixture.url(), 'main', 'main:refs/heads/uncloned']);
    await eventually(() => expect(stats().warmed).toBe(1));
    expect(stats()).toMatchObject({ entries: 1 });
    await shallow(next);
    expect(stats()).toMatchObject({ misses: 2, hits: 1 });
  });

  it('has it prepared too when only an annotated tag was pushed, which clones get with it', async () => {
    await gitOk(work, ['ls-remote', fixture.url()]);
    await shallow(tip);
    await gitOk(work, ['tag', '-a', '-m', 'one', 'v1', tip]);
    await gitOk(work, ['push', '-q', fixture.url(), 'v1']);
    await eventually(() => expect(stats().warmed).toBe(1));
    await shallow(tip);
    expect(stats()).toMatchObject({ misses: 1, hits: 1 });
  });

  it('prepares nothing where that is switched off', async () => {
    const { cache } = frontendOptions(fixture.folder);
    await fixture.restart({ cache: { ...cache, warming: false } });
    await shallow(tip);
    await commit(work, 'next.txt', 'next');
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    await gitOk(work, ['ls-remote', fixture.url()]);
    expect(stats()).toMatchObject({ entries: 0, warmed: 0 });
  });
});

describe('operators', () => {
  const question = { repo: 'owner/name', ref: undefined, depth: 1 };

  it('are told what the next clone meets, why, and that looking changes nothing', async () => {
    const { operations } = fixture.frontend;
    const ask = () => operations.explain(question, never);
    expect(await ask()).toMatchObject({ verdict: 'miss', ref: 'refs/heads/main', objectId: tip, entry: undefined });
    expect(await ask()).toMatchObject({ verdict: 'miss', reason: expect.stringContaining('not asked for') });
    await gitOk(fixture.folder, ['clone', '-q', '--depth=1', fixture.url(), 'c1']);
    expect(await ask()).toMatchObject({ verdict: 'miss', reason: expect.stringContaining('was asked for') });
    await gitOk(fixture.folder, ['clone', '-q', '--depth=1', fixture.url(), 'c2']);
    await eventually(async () => expect(await ask()).toMatchObject({ verdict: 'hit' }));
    await gitOk(fixture.folder, ['clone', '-q', '--depth=1', fixture.url(), 'c3']);
    expect(stats()).toMatchObject({ hits: 1, misses: 2 });
  });

  it('warm a clone before anybody asks, once', async () => {
    const { operations } = fixture.frontend;
    expect(await operations.warm(question, never)).toMatchObject({ wasStored: false, objectId: tip });
    expect(await operations.warm(question, never)).toMatchObject({ wasStored: true });
    await gitOk(fixture.folder, ['clone', '-q', '--depth=1', fixture.url(), 'c1']);
    expect(stats()).toMatchObject({ hits: 1, misses: 0 });
  });

  it.each([
    { name: 'refs/heads/no', repo: 'owner/name', code: 'NOT_FOUND' },
    { name: undefined, repo: 'owner/no', code: 'REPO_NOT_FOUND' },
  ])('are told of $repo $name that it is not there', async ({ name, repo, code }) => {
    const { operations } = fixture.frontend;
    await expect(operations.explain({ repo, ref: name, depth: 1 }, never)).rejects.toMatchObject({ code });
    await expect(operations.warm({ repo, ref: name, depth: 1 }, never)).rejects.toMatchObject({ code });
  });

  it('drop what is stored, of one repository or of all, after a look at how much it is', async () => {
    const { body } = await store(tip);
    const { operations } = fixture.frontend;
    const purge = (repo: string | undefined, dryRun: boolean, repositories = false) =>
      operations.purge({ repo, repositories, dryRun }, never);
    expect(await purge('owner/name', true)).toMatchObject({ entries: 1, entryBytes: body.length, repositories: 0 });
    expect(stats().entries).toBe(1);
    expect(await purge(undefined, false, true)).toMatchObject({ entries: 1, repositories: 1 });
    expect(stats()).toMatchObject({ entries: 0, repositories: 0 });
    expect((await shallow(tip)).whole).toBe(true);
  });
});
