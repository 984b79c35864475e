import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateHistory } from './generated-history.ts';
import type { GitClient } from './git-client.ts';
import { LocalCluster } from './local-cluster.ts';
import { run } from './process.ts';
import { processTree } from './process-tree.ts';
import {
  cloneRequest,
  objectsOfPack,
  oldCloneRequest,
  openFetch,
  packedObjects,
  v2Fetch,
  wholeBody,
} from './raw-fetch.ts';
import { until } from './until.ts';

const MiB = 1024 * 1024;

/** More than the sockets of a loopback connection hold. */
const largeFileBytes = 24 * MiB;

/** What a client that went away held is free again. */
const freedTimeoutMs = 10_000;

/** What the frontend's own connections to nodes and its files may differ by from one moment to the next. */
const descriptorsSlack = 12;

const none = '1'.repeat(40);

describe('fetches that nobody should send', () => {
  let cluster: LocalCluster;
  let source: GitClient;
  let url: string;
  let pid: number;
  let tip: string;
  let large: string;
  /** A commit that a force push has taken from its branch. */
  let unreachable: string;
  const ids: string[] = [];

  beforeAll(async () => {
    cluster = await LocalCluster.start();
    const shape = { commits: 1_200, largeFileBytes, largeFileBranch: 'large' };
    source = await generateHistory(join(cluster.folder, 'work', 'source'), shape);
    url = `${await cluster.gitUrl()}/team/app`;
    await source.git('switch', '--quiet', '--create', 'lost', 'main');
    unreachable = await source.commit('To be lost');
    await source.git('push', '--quiet', url, '--all');
    await source.git('push', '--quiet', url, '--tags');
    await source.git('reset', '--quiet', '--hard', 'main');
    await source.git('push', '--quiet', '--force', url, 'lost');
    pid = (await cluster.processes()).find(({ role }) => role === 'frontend')?.pid ?? 0;
    [tip, large] = (await source.git('rev-parse', 'main', 'large')).split('\n') as [string, string];
    const objects = (await source.git('rev-list', '--objects', '--no-object-names', 'main')).split('\n');
    for (let at = 0; ids.length < 10_000; at += 1) ids.push(objects[at % objects.length] ?? tip);
  });
  afterAll(() => cluster?.remove());

  /** What a server says: how many objects it sends, or what it refuses the request with. */
  const judge = (answer: Buffer): { objects?: number; refusal?: string; acknowledgments?: string } => {
    const text = answer.toString('latin1', 0, 2_000);
    const refusal = /^....ERR (.*?)\n?$/s.exec(text)?.[1];
    if (refusal !== undefined) return { refusal };
    if (text.includes('packfile\n')) return { objects: packedObjects(answer, 'sha1') };
    return { acknowledgments: text };
  };
  const ask = async (body: Buffer) => {
    const answer = await openFetch(url, body);
    return { status: answer.statusCode, content: await wholeBody(answer) };
  };
  /** Plain `git upload-pack` on the repository that was pushed. */
  const askGit = async (body: Buffer): Promise<{ code: number | null; content: Buffer }> => {
    const config = ['-c', 'uploadpack.allowFilter=true', '-c', 'uploadpack.allowAnySHA1InWant=true'];
    // Through a file: what `run` gives is text.
    const command = `git ${config.join(' ')} upload-pack --stateless-rpc --strict .git > ../answer`;
    const env = { GIT_PROTOCOL: 'version=2', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
    const { code } = await run('sh', ['-c', command], { cwd: source.folder, input: body, env });
    return { code, content: await readFile(join(source.folder, '..', 'answer')) };
  };
  const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
  const expectFreed = (before: number) =>
    until('processes and descriptors are free again', freedTimeoutMs, (tell) => {
      const [processes, open] = [processTree(pid).length - 1, descriptors()];
      tell(`${processes} processes, ${open} descriptors, and ${before} before`);
      return processes === 0 && open <= before + descriptorsSlack ? true : undefined;
    });
  /** Milliseconds of a shallow clone by hand that nobody has asked for before. */
  let asked = 0;
  const fetchMs = async () => {
    asked += 1;
    const startMs = performance.now();
    const { status, content } = await ask(cloneRequest(await source.git('rev-parse', `main~${asked}`), 1));
    expect(status).toBe(200);
    packedObjects(content, 'sha1');
    return performance.now() - startMs;
  };

  it.each<[string, () => readonly string[]]>([
    ['haves that do not exist', () => [`want ${tip}`, `have ${none}`, `have ${'2'.repeat(40)}`, 'done']],
    ['haves that do not exist, without done', () => [`want ${tip}`, `have ${none}`]],
    ['a have that exists beside one that does not', () => [`want ${tip}`, `have ${none}`, `have ${large}`, 'done']],
    ['a want that no ref reaches', () => [`want ${unreachable}`, 'deepen 1', 'done']],
    ['a want that is no object', () => [`want ${none}`, 'done']],
    ['a want that is no object beside one that is', () => [`want ${tip}`, `want ${none}`, 'done']],
    ['a want that is no id', () => ['want main', 'done']],
    ['no wants', () => ['done']],
    ['a filter that is switched off', () => [`want ${tip}`, 'filter sparse:path=x', 'done']],
    ['a filter that is none', () => [`want ${tip}`, 'filter nonsense', 'done']],
    ['a filter with a huge number', () => [`want ${tip}`, 'filter tree:99999999999999999999999', 'done']],
    ['depth 0', () => [`want ${tip}`, 'deepen 0', 'done']],
    ['a negative depth', () => [`want ${tip}`, 'deepen -1', 'done']],
    ['the largest depth', () => [`want ${tip}`, 'deepen 2147483647', 'done']],
    ['a depth of twenty digits', () => [`want ${tip}`, 'deepen 99999999999999999999', 'done']],
    ['a depth that is no number', () => [`want ${tip}`, 'deepen one', 'done']],
    ['a shallow commit that does not exist', () => [`want ${tip}`, `shallow ${none}`, 'deepen 1', 'done']],
    ['deepen-not of no ref', () => [`want ${tip}`, 'deepen-not refs/heads/none', 'done']],
    ['deepen-since in the far future', () => [`want ${tip}`, 'deepen-since 99999999999', 'done']],
    ['an argument that is none', () => [`want ${tip}`, 'frobnicate', 'done']],
    ['ten thousand wants', () => [...ids.map((id) => `want ${id}`), 'done']],
    ['ten thousand wants of one object', () => [...ids.map(() => `want ${tip}`), 'done']],
    [
      'ten thousand wants that are no objects',
      () => [...ids.map((_, at) => `want ${String(at).padStart(40, '0')}`), 'done'],
    ],
    [
      'ten thousand haves that do not exist',
      () => [`want ${tip}`, ...ids.map((_, at) => `have ${String(at).padStart(40, '3')}`), 'done'],
    ],
  ])('answers %s as git does', async (_, args) => {
    const before = descriptors();
    const body = v2Fetch(['ofs-delta', 'no-progress', ...args()]);
    const git = await askGit(body);
    const expected = judge(git.content);
    // Twice: the second answer may be a stored one, and must not be another.
    for (let time = 0; time < 2; time += 1) {
      const { status, content } = await ask(body);
      const said = judge(content);
      if (git.code === 0) {
        expect({ status, said }).toEqual({ status: 200, said: expected });
      } else {
        // Where git only dies, a client has to be told something all the same.
        expect(said.objects, content.toString('latin1', 0, 300)).toBeUndefined();
        if (expected.refusal !== undefined) expect(said.refusal).toContain(expected.refusal);
        else expect(status !== 200 || said.refusal !== undefined).toBe(true);
      }
    }
    await expectFreed(before);
  });

  it('is not kept busy by clients that read one byte a second, and others are not slowed', async () => {
    const before = descriptors();
    const aloneMs = Math.max(...[await fetchMs(), await fetchMs(), await fetchMs()]);
    const answers: IncomingMessage[] = [];
    for (let at = 0; at < 24; at += 1) {
      // Some want the same, some what nobody else wants.
      answers.push(await openFetch(url, cloneRequest(large, 1 + (at % 12))));
    }
    const reading = setInterval(() => {
      for (const answer of answers) answer.read(1);
    }, 1_000);
    try {
      // Its responses are finished without them: no git waits for a slow reader.
      await until('git has ended', freedTimeoutMs, (tell) => {
        tell(`${processTree(pid).length - 1} processes`);
        return processTree(pid).length === 1 ? true : undefined;
      });
      const besideMs = [await fetchMs(), await fetchMs(), await fetchMs()].toSorted((a, b) => a - b)[1] ?? 0;
      expect(besideMs).toBeLessThan(aloneMs * 3 + 500);
      await sleep(2_000);
      expect(answers.every(({ complete, destroyed }) => !complete && !destroyed)).toBe(true);
    } finally {
      clearInterval(reading);
      for (const answer of answers) answer.destroy();
    }
    await expectFreed(before);
  });

  it.each([2, 0] as const)('has everything back in seconds when clients of protocol %i vanish', async (version) => {
    const before = descriptors();
    let depth = 20;
    const vanish = async () => {
      depth += 1;
      const old = oldCloneRequest(large, 'side-band-64k', 'ofs-delta', 'no-progress');
      const answer = await openFetch(url, version === 2 ? cloneRequest(large, depth) : old, version);
      // A full queue is an answer too: 503, and when to come again.
      expect([200, 503]).toContain(answer.statusCode);
      if (answer.statusCode === 503) expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      answer.destroy();
    };
    for (let round = 0; round < 4; round += 1) await Promise.all(Array.from({ length: 12 }, vanish));
    await expectFreed(before);
    await fetchMs();
  });

  it('sends a client of protocol 0 that takes no bands the whole pack', async () => {
    const answer = await openFetch(url, oldCloneRequest(large), 0);
    const content = await wholeBody(answer);
    expect(content.toString('latin1', 0, 8)).toBe('0008NAK\n');
    const count = await source.git('rev-list', '--objects', '--count', 'large');
    expect(objectsOfPack(content.subarray(8), 'sha1')).toBe(Number(count));
  });
});
