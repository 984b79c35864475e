import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
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
import { openSocket, post, rawRequest, readAnswer } from './raw-http.ts';

const path = '/owner/name.git/git-upload-pack';
let fixture: Fixture;
let work: string;
let tip: string;

beforeEach(async () => {
  fixture = await startFixture();
  work = await makeWork(fixture.folder, 5);
  await gitOk(work, ['tag', '-a', '-m', 'one', 'v1']);
  await gitOk(work, ['push', '-q', fixture.url(), 'main', 'v1']);
  tip = await gitOk(work, ['rev-parse', 'HEAD']);
});
afterEach(() => fixture.stop());

let clones = 0;
async function clone(...args: string[]) {
  clones += 1;
  const folder = join(fixture.folder, `clone-${clones}`);
  const result = await git(fixture.folder, [...args, 'clone', '-q', fixture.url(), folder]);
  return { ...result, folder };
}

/** '|' is a delim, '.' a flush; everything else a line. */
function lines(...texts: string[]): Buffer {
  const special: Readonly<Record<string, string>> = { '|': '0001', '.': '0000' };
  return Buffer.concat(texts.map((text) => (special[text] ? Buffer.from(special[text]) : encodePkt(`${text}\n`))));
}

async function ask(body: Buffer, headers: Record<string, string | number> = { 'Git-Protocol': 'version=2' }) {
  const answer = await rawRequest(fixture.frontend.url, post(path, body, headers));
  return { ...answer, text: answer.body.toString('latin1') };
}

const fetchTip = () => lines('command=fetch', 'object-format=sha1', '|', `want ${tip}`, 'no-progress', 'done', '.');
const repositoryFolder = () => {
  const folder = join(fixture.folder, 'cache-0', 'repositories');
  return join(folder, readdirSync(folder)[0] ?? '');
};
const packFile = (extension: string) => {
  const folder = join(repositoryFolder(), 'objects', 'pack');
  return join(folder, readdirSync(folder).find((file) => file.endsWith(extension)) ?? '');
};

describe('a fetch', () => {
  it.each([0, 1, 2])('by protocol v%i clones with refs and tags', async (version) => {
    const result = await clone('-c', `protocol.version=${version}`);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(await gitOk(result.folder, ['rev-parse', 'HEAD', 'v1^{}'])).toBe(`${tip}\n${tip}`);
    await gitOk(result.folder, ['fsck', '--full']);
  });

  it.each([0, 2])('by protocol v%i brings what was pushed since', async (version) => {
    const { folder } = await clone('-c', `protocol.version=${version}`);
    const next = await commit(work, 'next.txt', 'next');
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    await gitOk(folder, ['-c', `protocol.version=${version}`, 'fetch', '-q']);
    expect(await gitOk(folder, ['rev-parse', 'origin/main'])).toBe(next);
  });

  it('may be shallow, deepened and unshallowed', async () => {
    await gitOk(fixture.folder, ['clone', '-q', '--depth=1', fixture.url(), 'shallow']);
    const folder = join(fixture.folder, 'shallow');
    expect(await gitOk(folder, ['rev-list', '--count', 'HEAD'])).toBe('1');
    await gitOk(folder, ['fetch', '-q', '--depth=3']);
    expect(await gitOk(folder, ['rev-list', '--count', 'HEAD'])).toBe('3');
    await gitOk(folder, ['fetch', '-q', '--unshallow']);
    expect(await gitOk(folder, ['rev-list', '--count', 'HEAD'])).toBe('5');
  });

  it('may leave out blobs and bring them later', async () => {
    await gitOk(fixture.folder, ['clone', '-q', '--filter=blob:none', '--no-checkout', fixture.url(), 'partial']);
    const folder = join(fixture.folder, 'partial');
    expect(await gitOk(folder, ['rev-list', '--objects', '--all', '--missing=print'])).toMatch(/^\?/m);
    await gitOk(folder, ['checkout', '-q', 'main']);
    expect(readFileSync(join(folder, 'file-3.txt'), 'utf8')).toBe('content 3\n');
  });

  it('of an empty repository tells which branch HEAD will be', async () => {
    await fixture.metadata.createRepo({ name: 'o/empty', objectFormat: 1, head: 'refs/heads/trunk' });
    await gitOk(fixture.folder, ['clone', '-q', fixture.url('o/empty'), 'empty']);
    expect(await gitOk(join(fixture.folder, 'empty'), ['symbolic-ref', 'HEAD'])).toBe('refs/heads/trunk');
  });

  it('takes a gzip request, as git sends it when it has many haves', async () => {
    const answer = await ask(gzipSync(fetchTip()), { 'Git-Protocol': 'version=2', 'Content-Encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 200, whole: true, text: expect.stringContaining('PACK') });
  });

  it('on another frontend downloads the packs once and verifies them', async () => {
    await fixture.restart({ fresh: true });
    expect(await clone()).toMatchObject({ exitCode: 0 });
    expect(fixture.objects.gets).toBe(3);
    expect(await clone()).toMatchObject({ exitCode: 0 });
    expect(fixture.objects.gets).toBe(3);
  });

  it('runs git for the first two of equal clones, and for no more', async () => {
    for (let at = 0; at < 4; at += 1) expect(await clone()).toMatchObject({ exitCode: 0 });
    expect(fixture.frontend.counters).toMatchObject({ cacheMisses: 2, cacheHits: 2 });
  });

  it('that names refs is served by the response of those that name objects', async () => {
    const named = lines(
      'command=fetch',
      'object-format=sha1',
      '|',
      'want-ref refs/heads/main',
      'deepen 1',
      'done',
      '.',
    );
    const plain = lines('command=fetch', 'object-format=sha1', '|', `want ${tip}`, 'deepen 1', 'done', '.');
    await ask(plain);
    const kept = await ask(plain);
    const answer = await ask(named);
    expect(fixture.frontend.counters).toMatchObject({ cacheMisses: 2, cacheHits: 1 });
    const section = lines('wanted-refs', `${tip} refs/heads/main`, '|').toString('latin1');
    expect(answer.text).toBe(kept.text.replace('000dpackfile\n', `${section}000dpackfile\n`));
  });

  it('of a ref that is not there is refused with the words of git', async () => {
    const answer = await ask(lines('command=fetch', 'object-format=sha1', '|', 'want-ref refs/heads/no', 'done', '.'));
    expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('ERR unknown ref refs/heads/no') });
  });

  it('never serves a blob that arrived with other content', async () => {
    await fixture.restart({ fresh: true });
    const [oid, content] = [...fixture.objects.blobs][0] ?? [];
    if (oid === undefined || content === undefined) throw new Error('no blob');
    fixture.objects.blobs.set(oid, Buffer.from(content.map((byte) => byte ^ 1)));
    expect((await clone()).exitCode).not.toBe(0);
    fixture.objects.blobs.set(oid, content);
    expect(await clone()).toMatchObject({ exitCode: 0 });
  });

  it('asks the metadata primary for the pack list only when refs have changed', async () => {
    await clone();
    fixture.metadata.calls.length = 0;
    await clone();
    expect(fixture.metadata.calls).not.toContain('getRepo');
    expect(fixture.metadata.calls).toContain('getRefs');
  });
});

describe('ls-refs', () => {
  it('is answered without a git process', async () => {
    await fixture.restart({ gitPath: 'git', fresh: true });
    const answer = await ask(lines('command=ls-refs', '|', 'peel', 'symrefs', 'ref-prefix refs/tags/', '.'));
    expect(answer.text).toContain(`refs/tags/v1 peeled:${tip}`);
    expect(answer.text).not.toContain('refs/heads/');
    expect(readdirSync(join(fixture.folder, 'cache-1', 'repositories'))).toEqual([]);
  });

  it('and fetches each ask the metadata primary once, and again are told that nothing is new', async () => {
    await ask(lines('command=ls-refs', '|', 'peel', '.'));
    await ask(fetchTip());
    fixture.metadata.calls.length = 0;
    const first = await ask(lines('command=ls-refs', '|', 'peel', '.'));
    expect(fixture.metadata.calls).toEqual(['getRefs']);
    await ask(fetchTip());
    expect(fixture.metadata.calls).toEqual(['getRefs', 'getRefs']);
    expect(fixture.metadata.refsAnswered.slice(-2)).toEqual([0, 0]);
    expect(first.text).toContain('refs/heads/main');
  });

  it('sees every push that ended before it began', async () => {
    for (let at = 0; at < 5; at += 1) {
      const next = await commit(work, `more-${at}.txt`, 'x');
      await gitOk(work, ['push', '-q', fixture.url(), 'main']);
      expect(await gitOk(work, ['ls-remote', fixture.url(), 'main'])).toBe(`${next}\trefs/heads/main`);
    }
  });
});

describe('a request that is wrong', () => {
  it.each([
    [['command=teleport', '.'], "ERR invalid command 'teleport'"],
    [['command=fetch', 'wings', '.'], "ERR unknown capability 'wings'"],
    [['command=ls-refs', 'object-format=sha256', '|', '.'], 'ERR mismatched object format: server sha1; client sha256'],
    [['command=fetch', 'object-format=sha256', '|', '.'], 'ERR mismatched object format: server sha1; client sha256'],
    [['command=ls-refs', '|', 'teleport', '.'], "ERR unexpected line: 'teleport'"],
    [['agent=x', '.'], 'ERR no command requested'],
  ])('%j is answered with %s', async (texts, expected) => {
    expect(await ask(lines(...texts))).toMatchObject({
      status: 200,
      whole: true,
      text: expect.stringContaining(expected),
    });
  });

  it.each([
    ['version=2', 'ERR upload-pack: not our ref'],
    ['version=0', 'ERR upload-pack: not our ref'],
  ])('a want of %s that nobody has is told as git tells it', async (version, expected) => {
    const want = `want ${'ab'.repeat(20)}`;
    const body = version === 'version=2' ? lines('command=fetch', '|', want, 'done', '.') : lines(want, '.', 'done');
    const answer = await ask(body, { 'Git-Protocol': version });
    expect(answer).toMatchObject({ status: 200, whole: true, text: expect.stringContaining(expected) });
  });

  it('arguments that git refuses without a word to the client are told in its words', async () => {
    const answer = await ask(lines('command=fetch', '|', 'teleport', '.'));
    expect(answer).toMatchObject({ status: 200, whole: true, text: expect.stringMatching(/ERR .*teleport/) });
  });

  it.each(['zzzz', '0003', 'fff1', '0010abc'])('%s is no pkt-line: HTTP 400 with text', async (text) => {
    for (const version of ['version=2', 'version=0']) {
      expect(await ask(Buffer.from(text), { 'Git-Protocol': version })).toMatchObject({
        status: 400,
        text: expect.stringMatching(/malformed pkt-line|the stream ended/),
      });
    }
  });

  it('nothing asked is nothing answered', async () => {
    expect(await ask(Buffer.from('0000'))).toMatchObject({ status: 200, text: '' });
    expect(await ask(Buffer.alloc(0), {})).toMatchObject({ status: 200, text: '' });
  });

  it('broken compression is HTTP 400', async () => {
    const answer = await ask(Buffer.from('no gzip at all'), { 'Content-Encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('cannot be read') });
  });

  it('of a repository that is missing is 404 in words', async () => {
    const answer = await rawRequest(fixture.frontend.url, post('/o/none.git/git-upload-pack', fetchTip()));
    expect(answer).toMatchObject({ status: 404 });
    expect(answer.body.toString()).toContain('there is no repository o/none');
    expect(await git(work, ['fetch', fixture.url('o/none')])).toMatchObject({ exitCode: 128 });
  });
});

describe('a cached repository that is damaged is mended, and the fetch succeeds', () => {
  it.each(['.pack', '.idx'])('when its %s file is gone', async (extension) => {
    await clone();
    rmSync(packFile(extension));
    expect(await clone()).toMatchObject({ exitCode: 0 });
  });

  it('when its pack has other bytes', async () => {
    await clone();
    const file = packFile('.pack');
    chmodSync(file, 0o644);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0, 20, bytes.length - 30));
    expect(statSync(file).size).toBe(bytes.length);
    await clone(); // Git may notice in the middle of the answer; what it sent then is broken off.
    const again = await clone();
    expect(again).toMatchObject({ exitCode: 0 });
    await gitOk(again.folder, ['fsck', '--full']);
  });

  it('when its refs are gone', async () => {
    await clone();
    await commit(work, 'next.txt', 'next');
    rmSync(join(repositoryFolder(), 'packed-refs'));
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    expect(await clone()).toMatchObject({ exitCode: 0 });
  });

  it('when an interrupted process left half a download, it is swept at the start', async () => {
    await clone();
    const leftover = join(repositoryFolder(), 'objects', 'pack', `tmp_${'a'.repeat(64)}`);
    writeFileSync(leftover, 'half');
    await fixture.restart();
    expect(readdirSync(join(repositoryFolder(), 'objects', 'pack')).filter((file) => file.startsWith('tmp_'))).toEqual(
      [],
    );
    expect(await clone()).toMatchObject({ exitCode: 0 });
  });
});

describe('a failure in the middle', () => {
  /** A stand-in for git that passes everything on but upload-pack. */
  async function replaceUploadPack(script: string) {
    const gitPath = join(fixture.folder, 'git');
    writeFileSync(
      gitPath,
      `#!/bin/bash\nfor arg; do if [ "$arg" = upload-pack ]; then ${script}; fi; done\nexec git "$@"\n`,
    );
    chmodSync(gitPath, 0o755);
    await fixture.restart({ gitPath });
  }

  it('breaks the response, it never ends it cleanly', async () => {
    await replaceUploadPack('printf "000dpackfile\\n0009\\001PACK"; sleep 0.05; exit 1');
    const answer = await ask(fetchTip());
    expect(answer.status).toBe(200);
    expect(answer.whole).toBe(false);
  });

  it('that git tells in band 3 reaches the client', async () => {
    await replaceUploadPack('printf "000dpackfile\\n000d\\003no such"; exit 1');
    const answer = await ask(fetchTip());
    expect(answer).toMatchObject({ status: 200, whole: true, text: expect.stringContaining('no such') });
  });

  it('before the first byte is told in the protocol, which a git client shows', async () => {
    await replaceUploadPack('echo "fatal: out of luck" >&2; exit 1');
    expect(await ask(fetchTip())).toMatchObject({ text: expect.stringMatching(/ERR .*out of luck/) });
    expect((await clone()).stderr).toContain('out of luck');
  });

  it('a client that goes away ends git at once', async () => {
    await replaceUploadPack(`echo $$ > ${fixture.folder}/pid; while :; do printf "000dpackfile\\n"; done`);
    const socket = openSocket(fixture.frontend.url);
    socket.write(post(path, fetchTip(), { 'Git-Protocol': 'version=2' }));
    await new Promise((resolve) => socket.once('data', resolve));
    const pid = Number(readFileSync(join(fixture.folder, 'pid'), 'utf8'));
    socket.destroy();
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow());
  });

  it('more requests than git processes and queue get 503 and when to come back', async () => {
    await replaceUploadPack('sleep 1000');
    await fixture.restart({ gitPath: join(fixture.folder, 'git'), gitProcessesMax: 1, gitQueueMax: 1 });
    // One that computes, one in the queue, and one more; equal requests would join the first.
    const sockets = [1, 2, 3].map(() => openSocket(fixture.frontend.url));
    for (const [at, socket] of sockets.entries()) {
      const body = lines('command=fetch', 'object-format=sha1', '|', `want ${tip}`, `deepen ${at + 1}`, 'done', '.');
      socket.write(post(path, body, { 'Git-Protocol': 'version=2' }));
    }
    const refused = await Promise.race(sockets.map(readAnswer));
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    for (const socket of sockets) socket.destroy();
  });

  it('a response that cannot be kept does not keep others from git while its client reads nothing', async () => {
    await commit(work, 'big.bin', randomBytes(6_000_000));
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    tip = await gitOk(work, ['rev-parse', 'HEAD']);
    const { cache } = frontendOptions(fixture.folder);
    await fixture.restart({ gitProcessesMax: 1, cache: { ...cache, packEntryBytesMax: 1024 } });
    const socket = openSocket(fixture.frontend.url);
    socket.pause();
    socket.write(post(path, fetchTip(), { 'Git-Protocol': 'version=2' }));
    await eventually(() => expect(fixture.frontend.operations.stats().gitProcesses).toBe(1));
    const other = lines(
      'command=fetch',
      'object-format=sha1',
      '|',
      `want ${tip}`,
      'deepen 1',
      'filter blob:none',
      'done',
      '.',
    );
    expect(await ask(other)).toMatchObject({ status: 200, whole: true });
    socket.destroy();
    await eventually(() => expect(fixture.frontend.operations.stats().gitProcesses).toBe(0));
  });

  it('a want of nothing does not make the cached repository suspect', async () => {
    await ask(fetchTip());
    const before = fixture.metadata.calls.filter((call) => call === 'getRepo').length;
    for (let at = 0; at < 3; at += 1) {
      const answer = await ask(
        lines('command=fetch', 'object-format=sha1', '|', `want ${'f'.repeat(40)}`, 'done', '.'),
      );
      expect(answer.text).toContain('not our ref');
    }
    expect(fixture.metadata.calls.filter((call) => call === 'getRepo')).toHaveLength(before);
  });

  it('of the metadata service is told with its status', async () => {
    fixture.metadata.before = () => {
      throw new StratumError('DEADLINE_EXCEEDED', 'm1 did not answer', { endpoint: 'm1' });
    };
    expect(await ask(lines('command=ls-refs', '.'))).toMatchObject({ status: 504 });
    fixture.metadata.before = () => undefined;
  });
});

describe('a large answer', () => {
  it('reaches a client that begins to read late, whole', async () => {
    await commit(work, 'big.bin', randomBytes(4_000_000));
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    tip = await gitOk(work, ['rev-parse', 'HEAD']);
    const socket = openSocket(fixture.frontend.url);
    socket.write(post(path, fetchTip(), { 'Git-Protocol': 'version=2' }));
    await once(socket, 'readable');
    const answer = await readAnswer(socket);
    expect(answer.whole).toBe(true);
    expect(answer.body.length).toBeGreaterThan(4_000_000);
  });
});
