import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { KiB } from '../../../../src/base/units.ts';
import { encodePkt } from '../../../../src/git/pkt-line.ts';
import { commit, eventually, type Fixture, git, gitOk, makePack, makeWork, startFixture } from './frontend-fixture.ts';
import { head, openSocket, post, rawRequest, readAnswer } from './raw-http.ts';

const zero = '0'.repeat(40);
const path = '/owner/name.git/git-receive-pack';
let fixture: Fixture;
let work: string;

beforeEach(async () => {
  fixture = await startFixture();
  work = await makeWork(fixture.folder);
});
afterEach(() => fixture.stop());

const push = (...args: string[]) => git(work, ['push', fixture.url(), ...args]);
const refs = (repo = 'owner/name') =>
  Object.fromEntries([...(fixture.metadata.repos.get(repo)?.refs ?? [])].map(([name, ref]) => [name, ref.objectId]));
const packs = () => fixture.metadata.repos.get('owner/name')?.packs ?? [];
const head0 = () => gitOk(work, ['rev-parse', 'HEAD']);
const quarantined = () => readdirSync(join(fixture.folder, 'cache-0', 'quarantine'));

/** A push body: commands, capabilities behind the first, flush, pack. */
function body(commands: readonly string[], pack: Buffer = Buffer.alloc(0), capabilities = 'report-status'): Buffer {
  const lines = commands.map((command, at) => encodePkt(at === 0 ? `${command}\0${capabilities}` : command));
  return Buffer.concat([...lines, Buffer.from('0000'), pack]);
}

async function rawPush(bytes: Buffer, headers: Record<string, string | number> = {}) {
  const answer = await rawRequest(fixture.frontend.url, post(path, bytes, headers));
  return { ...answer, text: answer.body.toString() };
}

describe('a push that builds on packs of which some are dropped meanwhile', () => {
  it('is refused with the advice to try again, and then accepted', async () => {
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    await commit(work, 'next.txt', 'next');
    let isFirst = true;
    fixture.metadata.before = (call) => {
      const { repo } = fixture.metadata.repos.get('owner/name') ?? {};
      if (call !== 'updateRefs' || repo === undefined || !isFirst) return;
      isFirst = false;
      repo.packsGeneration += 1n;
      repo.packsDroppedGeneration = repo.packsGeneration;
    };
    const refused = await git(work, ['push', fixture.url(), 'main']);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('not updated: packs were dropped meanwhile; try again');
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
  });
});

describe('a push', () => {
  it('creates the repository, stores pack, index and reverse index, and a clone has it all', async () => {
    expect(await push('main')).toMatchObject({ exitCode: 0 });
    expect(refs()).toEqual({ 'refs/heads/main': await head0() });
    expect(fixture.metadata.repos.get('owner/name')?.repo.head).toBe('refs/heads/main');
    expect(packs()).toHaveLength(1);
    expect(packs()[0]).toMatchObject({ objectCount: 9n });
    expect(fixture.objects.blobs.size).toBe(3);
    await gitOk(fixture.folder, ['clone', '-q', fixture.url(), 'clone']);
    expect(await gitOk(join(fixture.folder, 'clone'), ['rev-parse', 'HEAD'])).toBe(await head0());
    await gitOk(join(fixture.folder, 'clone'), ['fsck', '--full', '--strict']);
  });

  it('sends only what is new, and the thin pack is completed', async () => {
    await commit(work, 'large.txt', 'line\n'.repeat(5000));
    await push('main');
    await commit(work, 'large.txt', `${'line\n'.repeat(5000)}more\n`);
    expect(await push('main')).toMatchObject({ exitCode: 0 });
    expect(packs()).toHaveLength(2);
    await fixture.restart({ fresh: true });
    await gitOk(fixture.folder, ['clone', '-q', fixture.url(), 'clone']);
    await gitOk(join(fixture.folder, 'clone'), ['fsck', '--full']);
  });

  it('of branches, tags, deletions and force updates does what git does', async () => {
    await gitOk(work, ['tag', '-a', '-m', 'one', 'v1']);
    await gitOk(work, ['branch', 'next']);
    expect(await push('main', 'next', 'v1')).toMatchObject({ exitCode: 0 });
    expect(fixture.metadata.repos.get('owner/name')?.refs.get('refs/tags/v1')?.peeledId).toBe(await head0());
    expect(await push('--delete', 'next', 'v1')).toMatchObject({ exitCode: 0 });
    expect(Object.keys(refs())).toEqual(['refs/heads/main']);
    await gitOk(work, ['commit', '-q', '--amend', '-m', 'again']);
    expect(await push('main')).toMatchObject({ exitCode: 1 });
    expect(await push('--force', 'main')).toMatchObject({ exitCode: 0 });
    expect(refs()).toEqual({ 'refs/heads/main': await head0() });
  });

  it('that brings no objects stores no pack', async () => {
    await push('main');
    expect(await push('main:refs/heads/other')).toMatchObject({ exitCode: 0 });
    expect(refs()['refs/heads/other']).toBe(await head0());
    expect(packs()).toHaveLength(1);
    expect(fixture.objects.blobs.size).toBe(3);
  });

  it('with --atomic and one bad ref changes nothing', async () => {
    await push('main');
    await commit(work, 'new.txt', 'new');
    const before = refs();
    const result = await push('--atomic', 'main', 'main:refs/heads/good', ':refs/heads/main');
    expect(result.exitCode).toBe(1);
    expect(refs()).toEqual(before);
    fixture.metadata.repos.get('owner/name')?.refs.set('refs/heads/x', {
      name: 'refs/heads/x',
      objectId: 'f'.repeat(40),
      peeledId: '',
    });
    const atomic = await rawPush(
      body(
        [`${zero} ${await head0()} refs/heads/a`, `${zero} ${await head0()} refs/heads/b..c`],
        makePack(work, ['HEAD']),
        'report-status atomic',
      ),
    );
    expect(atomic.text).toContain('ng refs/heads/a atomic push failure');
    expect(atomic.text).toContain("ng refs/heads/b..c funny refname: contains '..'");
    expect(refs()['refs/heads/a']).toBeUndefined();
  });

  it('refuses one ref and takes the others when it is not atomic', async () => {
    await push('main');
    const next = await commit(work, 'new.txt', 'new');
    const pack = makePack(work, ['HEAD']);
    const commands = [`${zero} ${next} refs/heads/main`, `${zero} ${next} refs/heads/good`, `${zero} ${next} HEAD`];
    const answer = await rawPush(body(commands, pack));
    expect(answer.text).toContain('unpack ok');
    expect(answer.text).toContain('ng refs/heads/main cannot lock ref');
    expect(answer.text).toContain('ok refs/heads/good');
    expect(answer.text).toContain('ng HEAD funny refname');
  });

  it('to the same ref as another one at once: exactly one wins', async () => {
    await push('main');
    const other = await makeWork(fixture.folder, 0);
    await gitOk(other, ['pull', '-q', fixture.url(), 'main']);
    await Promise.all([commit(work, 'a.txt', 'a'), commit(other, 'b.txt', 'b')]);
    // Both hold their swap until the other has come as far.
    const both = Promise.withResolvers<void>();
    let arrived = 0;
    fixture.metadata.before = (call) => {
      if (call !== 'updateRefs') return;
      arrived += 1;
      if (arrived === 2) both.resolve();
      return both.promise;
    };
    const results = await Promise.all([push('main'), git(other, ['push', fixture.url(), 'main'])]);
    expect(results.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
    expect(results.find(({ exitCode }) => exitCode === 1)?.stderr).toContain('cannot lock ref');
    fixture.metadata.before = () => undefined;
    await gitOk(fixture.folder, ['clone', '-q', fixture.url(), 'clone']);
    await gitOk(join(fixture.folder, 'clone'), ['fsck']);
  });

  it('creating a repository that another push has created meanwhile goes on with it', async () => {
    fixture.metadata.before = async (call) => {
      if (call !== 'createRepo' || fixture.metadata.repos.size > 0) return;
      fixture.metadata.before = () => undefined;
      await fixture.metadata.createRepo({ name: 'owner/name', objectFormat: 1, head: 'refs/heads/other' });
    };
    expect(await push('main')).toMatchObject({ exitCode: 0 });
    expect(refs()).toEqual({ 'refs/heads/main': await head0() });
  });

  it.each([
    [['topic', 'main'], 'refs/heads/main'],
    [['topic', 'master'], 'refs/heads/master'],
    [['topic', 'zeta'], 'refs/heads/topic'],
  ])('of %j to a new repository points HEAD at %s', async (branches, expected) => {
    expect(await push(...branches.map((branch) => `main:refs/heads/${branch}`))).toMatchObject({ exitCode: 0 });
    expect(fixture.metadata.repos.get('owner/name')?.repo.head).toBe(expected);
  });

  it('in a sha256 repository creates one and clones back', async () => {
    const sha256 = await makeWork(fixture.folder, 2, ['--object-format=sha256']);
    expect(await git(sha256, ['push', fixture.url('o/sha256'), 'main'])).toMatchObject({ exitCode: 0 });
    await commit(sha256, 'more.txt', 'more');
    expect(await git(sha256, ['push', fixture.url('o/sha256'), 'main'])).toMatchObject({ exitCode: 0 });
    await fixture.restart({ fresh: true });
    await gitOk(fixture.folder, ['clone', '-q', fixture.url('o/sha256'), 'clone']);
    await gitOk(join(fixture.folder, 'clone'), ['fsck', '--full']);
    expect(await gitOk(join(fixture.folder, 'clone'), ['rev-parse', 'HEAD'])).toBe(
      await gitOk(sha256, ['rev-parse', 'HEAD']),
    );
    expect((await git(work, ['push', fixture.url('o/sha256'), 'main'])).exitCode).not.toBe(0);
  });

  it('takes push options, and a body in chunks that waits for 100-continue', async () => {
    expect(await push('-o', 'ci.skip', 'main')).toMatchObject({ exitCode: 0 });
    await commit(work, 'random.bin', Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251)));
    const config = ['-c', 'http.postBuffer=65536', '-c', 'http.extraHeader=Expect: 100-continue'];
    expect(await git(work, [...config, 'push', fixture.url(), 'main'])).toMatchObject({ exitCode: 0 });
    expect(refs()).toEqual({ 'refs/heads/main': await head0() });
  });

  it('shows the progress of git where it is wanted, and says nothing with --quiet', async () => {
    const text = Array.from({ length: 5000 }, (_, at) => `line ${at}\n`).join('');
    await commit(work, 'large.txt', text);
    await commit(work, 'large.txt', `${text}more\n`);
    expect((await push('--quiet', 'main')).stderr).toBe('');
    await gitOk(work, ['checkout', '-q', '--orphan', 'other']);
    await commit(work, 'large.txt', `${text}other\n`);
    await commit(work, 'large.txt', `${text}others\n`);
    expect((await push('--progress', 'other')).stderr).toMatch(/remote: Resolving deltas: 100%/);
  });

  it('takes a gzip body', async () => {
    const bytes = body([`${zero} ${await head0()} refs/heads/main`], makePack(work, ['HEAD']));
    const answer = await rawPush(gzipSync(bytes), { 'Content-Encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('ok refs/heads/main') });
  });

  it('tells of reduced redundancy when that is what the writer had', async () => {
    fixture.objects.degraded = true;
    expect(await push('main')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('reduced redundancy') });
  });

  it('carries a push id of its own and the packs in the one swap', async () => {
    await push('main');
    await push('main:refs/heads/other');
    const [first, second] = fixture.metadata.updates;
    expect(first?.pushId).toHaveLength(16);
    expect(first?.pushId).not.toEqual(second?.pushId);
    expect([first?.packs.length, second?.packs.length]).toEqual([1, 0]);
  });
});

describe('what is wrong with a push is said in the protocol and changes nothing', () => {
  const nothingChanged = () => {
    expect(fixture.metadata.updates).toEqual([]);
    expect(fixture.metadata.repos.size).toBe(0);
    expect(fixture.objects.blobs.size).toBe(0);
  };

  it('a corrupt pack', async () => {
    const pack = makePack(work, ['HEAD']);
    pack[pack.length - 30] = (pack[pack.length - 30] ?? 0) ^ 0xff;
    const answer = await rawPush(body([`${zero} ${await head0()} refs/heads/main`], pack));
    expect(answer.text).toMatch(/unpack index-pack failed: .*\n.*ng refs\/heads\/main unpacker error/);
    nothingChanged();
    await eventually(() => expect(quarantined()).toEqual([]));
  });

  it('a truncated pack, and none at all', async () => {
    const pack = makePack(work, ['HEAD']);
    for (const length of [0, 5, 12, 100, pack.length - 1]) {
      const answer = await rawPush(body([`${zero} ${await head0()} refs/heads/main`], pack.subarray(0, length)));
      expect(answer.text).toMatch(/unpack index-pack failed: .*\n.*ng refs\/heads\/main unpacker error/);
    }
    nothingChanged();
  });

  it('a pack that lacks objects of its commit', async () => {
    const commitOnly = makePack(work, [await head0()], []);
    const answer = await rawPush(body([`${zero} ${await head0()} refs/heads/main`], commitOnly));
    expect(answer.text).toMatch(/unpack index-pack failed/);
    nothingChanged();
  });

  it('an id that neither the pack nor the repository has', async () => {
    await push('main');
    const before = refs();
    const pack = makePack(work, ['HEAD'], ['--revs']);
    const commands = [`${zero} ${'ab'.repeat(20)} refs/heads/ghost`, `${zero} ${await head0()} refs/heads/real`];
    const answer = await rawPush(body(commands, pack));
    expect(answer.text).toContain('ng refs/heads/ghost missing necessary objects');
    expect(answer.text).toContain('ok refs/heads/real');
    expect(refs()).toEqual({ ...before, 'refs/heads/real': await head0() });
  });

  it('a branch that is no commit', async () => {
    const tree = await gitOk(work, ['rev-parse', 'HEAD^{tree}']);
    const answer = await rawPush(
      body([`${zero} ${tree} refs/heads/tree`, `${zero} ${tree} refs/trees/one`], makePack(work, ['HEAD'])),
    );
    expect(answer.text).toContain('ng refs/heads/tree cannot point a branch at a tree');
    expect(answer.text).toContain('ok refs/trees/one');
  });

  it('the deletion of the branch that HEAD points at, and of what is not there', async () => {
    await push('main');
    const refused = await push(':main');
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('refusing to delete the current branch'),
    });
    expect(refs()).toEqual({ 'refs/heads/main': await head0() });
    const answer = await rawPush(body([`${await head0()} ${zero} refs/heads/ghost`]));
    expect(answer.text).toContain('ng refs/heads/ghost cannot lock ref');
  });

  it('a ref twice', async () => {
    const command = `${zero} ${await head0()} refs/heads/main`;
    const answer = await rawPush(body([command, command], makePack(work, ['HEAD'])));
    expect(answer.text.match(/ng refs\/heads\/main multiple updates/g)).toHaveLength(2);
    nothingChanged();
  });

  it('malformed pkt-lines and commands, as HTTP 400 with text', async () => {
    for (const bytes of ['zzzz', '0003', '0008abc', 'fff1', '001fthis is no ref command......0000']) {
      const answer = await rawPush(Buffer.from(bytes));
      expect(answer).toMatchObject({ status: 400, text: expect.stringMatching(/^stratum: .+/) });
    }
    nothingChanged();
  });

  it('a signed push and a push in another object format', async () => {
    const signed = await rawPush(Buffer.concat([encodePkt('push-cert\0report-status\n'), Buffer.from('0000')]));
    expect(signed).toMatchObject({ status: 501, text: expect.stringContaining('without --signed') });
    await push('main');
    const other = body([`${'0'.repeat(64)} ${'a'.repeat(64)} refs/heads/x`], undefined, 'object-format=sha256');
    expect(await rawPush(other)).toMatchObject({
      status: 400,
      text: expect.stringContaining('mismatched object format'),
    });
  });

  it('a body over the limit: 413 when announced, an unpack error when it only turns out', async () => {
    await fixture.restart({ receivePackBytesMax: 64 * KiB });
    const large = Buffer.concat([makePack(work, ['HEAD']), Buffer.alloc(200 * KiB)]);
    const bytes = body([`${zero} ${await head0()} refs/heads/main`], large);
    expect(await rawPush(bytes)).toMatchObject({ status: 413, text: expect.stringContaining('64.0 KiB') });
    await commit(work, 'noise.bin', randomBytes(200_000));
    const overrun = await git(work, ['-c', 'http.postBuffer=65536', 'push', fixture.url(), 'main']);
    expect(overrun).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('larger than 64.0 KiB') });
    expect(fixture.metadata.repos.size).toBe(0);
  });

  it('a repository that is missing when pushes create none', async () => {
    await fixture.restart({ createOnPush: false });
    expect(await push('main')).toMatchObject({ exitCode: 128, stderr: expect.stringContaining('not found') });
    expect(await rawPush(body([`${zero} ${await head0()} refs/heads/main`]))).toMatchObject({ status: 404 });
    nothingChanged();
  });

  it('only deletions in a repository that is missing', async () => {
    expect(await rawPush(body([`${await head0()} ${zero} refs/heads/main`]))).toMatchObject({ status: 404 });
    nothingChanged();
  });

  it('a shallow pusher whose history is not here', async () => {
    await gitOk(fixture.folder, ['clone', '-q', '--depth=1', `file://${work}`, 'shallow']);
    const result = await git(join(fixture.folder, 'shallow'), ['push', fixture.url(), 'main']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/shallow update not allowed|index-pack failed/);
    nothingChanged();
  });

  it('a probe without commands is answered with nothing', async () => {
    expect(await rawPush(Buffer.from('0000'))).toMatchObject({ status: 200, text: '' });
    expect(await rawPush(Buffer.alloc(0))).toMatchObject({ status: 200, text: '' });
  });
});

describe('when the services behind a push fail', () => {
  it('too few copies: unpack error with every node, nothing referenced', async () => {
    fixture.objects.beforePut = () => {
      throw new StratumError('INSUFFICIENT_REPLICAS', 'only 1 of 2 copies: o2 refused', {
        required: 2,
        achieved: 1,
        nodes: [],
      });
    };
    const result = await push('main');
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('only 1 of 2 copies: o2 refused') });
    expect(fixture.metadata.repos.size).toBe(0);
    await eventually(() => expect(quarantined()).toEqual([]));
  });

  it('a swap that timed out: the pusher is told that the outcome is unknown', async () => {
    fixture.metadata.afterUpdate = () => {
      throw new StratumError('DEADLINE_EXCEEDED', 'no answer in time', { endpoint: 'm1' });
    };
    const result = await push('main');
    expect(result).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('outcome unknown: no answer in time'),
    });
    fixture.metadata.afterUpdate = () => undefined;
    expect(await push('main')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('up-to-date') });
  });

  it('a swap that was refused for certain is not called unknown', async () => {
    fixture.metadata.before = (call) => {
      if (call === 'updateRefs') throw new StratumError('NOT_READY', 'no primary', { what: 'partition' });
    };
    expect(await push('main')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('not updated: no primary'),
    });
  });

  it('metadata that cannot be reached: HTTP 503 before anything is read', async () => {
    fixture.metadata.before = () => {
      throw new StratumError('UNREACHABLE', 'm1 cannot be reached', { endpoint: 'm1' });
    };
    expect(await rawPush(body([`${zero} ${await head0()} refs/heads/main`]))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
    });
  });

  it('the quarantine stays until the background part of the writes has ended', async () => {
    const background = Promise.withResolvers<void>();
    fixture.objects.background = background.promise;
    expect(await push('main')).toMatchObject({ exitCode: 0 });
    expect(quarantined()).toHaveLength(1);
    background.resolve();
    await eventually(() => expect(quarantined()).toEqual([]));
  });
});

describe('a client that goes away', () => {
  it('in the middle of its pack ends git and leaves nothing', async () => {
    const bytes = body([`${zero} ${await head0()} refs/heads/main`], makePack(work, ['HEAD']));
    const headers = { 'Content-Type': 'application/x-git-receive-pack-request', 'Content-Length': bytes.length };
    const socket = openSocket(fixture.frontend.url);
    socket.write(head('POST', path, headers));
    socket.write(bytes.subarray(0, bytes.length - 20));
    await eventually(() => expect(quarantined()).toHaveLength(1));
    socket.destroy();
    await eventually(() => expect(quarantined()).toEqual([]));
    expect(fixture.metadata.repos.size).toBe(0);
    expect(await push('main')).toMatchObject({ exitCode: 0 });
  });

  it('while blobs are written: no ref is changed', async () => {
    const writing = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    fixture.objects.beforePut = () => {
      writing.resolve();
      return go.promise;
    };
    const bytes = body([`${zero} ${await head0()} refs/heads/main`], makePack(work, ['HEAD']));
    const socket = openSocket(fixture.frontend.url);
    socket.write(post(path, bytes));
    await writing.promise;
    socket.destroy();
    await eventually(() => expect(fixture.log.lines.at(-1)?.fields).toMatchObject({ code: 'CANCELLED' }));
    go.resolve();
    expect(fixture.metadata.updates).toEqual([]);
  });

  it('an early refusal reaches a client that is still sending', async () => {
    await push('main');
    const socket = openSocket(fixture.frontend.url);
    const answer = readAnswer(socket);
    const announced = 8_000_000;
    const headers = { 'Content-Type': 'application/x-git-receive-pack-request', 'Content-Length': announced };
    socket.write(head('POST', path, headers));
    const start = body([`${zero} ${await head0()} refs/heads/bad..name`], Buffer.from('PACK'));
    socket.write(start);
    for (let sent = start.length; sent < announced; ) {
      const chunk = Buffer.alloc(Math.min(100_000, announced - sent));
      sent += chunk.length;
      socket.write(chunk);
    }
    expect((await answer).body.toString()).toContain('ng refs/heads/bad..name funny refname');
  });
});

describe('after an accepted push', () => {
  it('a fetch from the same frontend needs no download', async () => {
    await push('main');
    await gitOk(fixture.folder, ['clone', '-q', fixture.url(), 'clone']);
    expect(fixture.objects.gets).toBe(0);
    expect(existsSync(join(fixture.folder, 'cache-0', 'repositories'))).toBe(true);
  });
});
