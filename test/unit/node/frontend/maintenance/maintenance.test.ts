import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { systemRandom } from '../../../../../src/base/random.ts';
import type { MaintenanceProgress } from '../../../../../src/client/frontend-api.ts';
import { Maintenance } from '../../../../../src/node/frontend/maintenance/maintenance.ts';
import { eventually, makeWork } from '../frontend-fixture.ts';
import { repoName, type SampleMaintenance, sampleMaintenance } from './sample-maintenance.ts';

let sample: SampleMaintenance;
let work: string;
const signal = new AbortController().signal;
const parts: Maintenance[] = [];

beforeEach(async () => {
  sample = await sampleMaintenance();
  work = await makeWork(sample.folder, 1);
  await sample.push(work, { 'refs/heads/main': 'main' });
});
afterEach(async () => {
  sample.metadata.before = () => undefined;
  await Promise.all(parts.splice(0).map((part) => part.stop()));
  sample.stop();
});

const pushMore = (count: number) => sample.pushMany(work, count);

async function open(holder = 'f1', enabled = true) {
  const { clock, log, git, objects, metadata, folder } = sample;
  const results: string[] = [];
  const repositories = await sample.cacheIn(holder);
  const part = new Maintenance(
    { holder, enabled, folder: join(folder, `${holder}-maintenance`) },
    {
      ...{ clock, log, git, objects, repositories, metadata: metadata.api, random: systemRandom },
      observer: { maintained: (result) => results.push(result) },
      stopping: new AbortController().signal,
    },
  );
  await part.start();
  parts.push(part);
  const run = (options: { full?: boolean; dryRun?: boolean } = {}, until = signal) =>
    Array.fromAsync(part.run(repoName, { full: false, dryRun: false, ...options }, until));
  return { part, results, run };
}

/** As a push reads the repository before it begins. */
async function refsNow() {
  const { repo } = await sample.calls.getRepo({ name: repoName });
  if (repo === undefined) throw new Error('the repository is gone');
  return { repo, snapshot: { objectFormat: 'sha1' as const, head: repo.head, refs: [] } };
}

const stepsOf = (steps: readonly MaintenanceProgress[]) => steps.map(({ step }) => step);

/** Holds a call up until it is let go. */
function holdUp(call: string) {
  const reached = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  sample.metadata.before = async (name) => {
    if (name !== call) return;
    reached.resolve();
    await release.promise;
  };
  return { reached: reached.promise, release: () => release.resolve() };
}

describe('maintenance that is asked for', () => {
  it('tells its steps and what came of it', async () => {
    await pushMore(8);
    const { run, results } = await open();
    const steps = await run();
    expect(stepsOf(steps)).toEqual(['lease', 'fetch', 'repack', 'upload', 'swap', 'done']);
    expect(steps.at(-1)).toMatchObject({ done: true, changed: true, packsBefore: 9, packsAfter: 1 });
    expect(steps.filter(({ done }) => done)).toHaveLength(1);
    expect(await sample.listed()).toHaveLength(1);
    expect(results).toEqual(['changed']);
  });

  it('says that there is nothing to do, and takes no lease for it', async () => {
    const { run, results } = await open();
    sample.metadata.before = (call) => expect(call).not.toBe('acquireMaintenance');
    expect(await run()).toMatchObject([{ step: 'done', done: true, changed: false, packsBefore: 1, packsAfter: 1 }]);
    expect(results).toEqual(['unchanged']);
  });

  it.each([
    [8, false, { changed: true, packsBefore: 9, packsAfter: 1 }],
    [0, false, { changed: false, packsBefore: 1, packsAfter: 1 }],
    [1, true, { changed: true, packsBefore: 2, packsAfter: 1 }],
  ])('with a dry run after %s pushes (full: %s) only says what it would do', async (pushes, full, expected) => {
    await pushMore(pushes);
    const { run } = await open();
    const before = await sample.listed();
    expect(await run({ full, dryRun: true })).toMatchObject([{ step: 'done', done: true, ...expected }]);
    expect(await sample.listed()).toEqual(before);
  });

  it('joins the run that is under way, which nobody who leaves can stop', async () => {
    await pushMore(8);
    const { run, results } = await open();
    const held = holdUp('replacePacks');
    const leaving = new AbortController();
    const first = run({}, leaving.signal);
    await held.reached;
    const second = run();
    leaving.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    held.release();
    expect(stepsOf(await second)).toEqual(['lease', 'fetch', 'repack', 'upload', 'swap', 'done']);
    expect(results).toEqual(['changed']);
  });

  it('does not take a run that does less for a full one, and runs one at a time', async () => {
    await pushMore(8);
    const { run, results } = await open();
    const held = holdUp('replacePacks');
    const first = run();
    await held.reached;
    const full = run({ full: true });
    held.release();
    await first;
    expect(stepsOf(await full)).toEqual(['waiting', 'lease', 'fetch', 'repack', 'upload', 'swap', 'done']);
    expect(results).toEqual(['changed', 'changed']);
    expect((await sample.listed())[0]?.bitmapSize).toBeGreaterThan(0n);
  });

  it('leaves the repository to another frontend that is at it', async () => {
    await pushMore(8);
    const [first, second] = [await open('f1'), await open('f2')];
    const held = holdUp('replacePacks');
    const running = first.run();
    await held.reached;
    await expect(second.run()).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      message: expect.stringContaining('f1/'),
    });
    expect(second.results).toEqual(['VERSION_CONFLICT']);
    held.release();
    expect((await running).at(-1)).toMatchObject({ changed: true });
    expect(await second.run()).toMatchObject([{ changed: false }]);
  });

  it('tells a failure, and runs again when it is asked again', async () => {
    await pushMore(8);
    const { run, results } = await open();
    sample.metadata.before = (call) => {
      if (call === 'replacePacks') throw new StratumError('UNREACHABLE', 'cut off', { endpoint: 'm1' });
    };
    await expect(run()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    sample.metadata.before = () => undefined;
    expect((await run()).at(-1)).toMatchObject({ changed: true });
    expect(results).toEqual(['UNREACHABLE', 'changed']);
  });

  it('refuses what is not there', async () => {
    const { part } = await open();
    for (const dryRun of [false, true]) {
      const steps = part.run('team/none', { full: false, dryRun }, signal);
      await expect(Array.fromAsync(steps)).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    }
  });

  it('is broken off when the frontend stops, with nothing changed and nothing left', async () => {
    await pushMore(8);
    const { part, run } = await open();
    const held = holdUp('getRefs');
    const running = run();
    running.catch(() => undefined);
    await held.reached;
    const stopped = part.stop();
    held.release();
    await stopped;
    await expect(running).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(await sample.listed()).toHaveLength(9);
    expect(readdirSync(join(sample.folder, 'f1-maintenance'))).toEqual([]);
    expect(() => part.run(repoName, { full: false, dryRun: false }, signal)).toThrow('the frontend stops');
  });

  it('gives metadata less time for the first look than commands give the frontend', async () => {
    const { run } = await open();
    const asked: [string, number | undefined][] = [];
    sample.metadata.before = (call, options) => void asked.push([call, options?.timeoutMs]);
    await run({ dryRun: true });
    await run();
    expect(asked).toEqual([
      ['getRepo', 8_000],
      ['getRepo', 8_000],
    ]);
  });

  it('asks metadata nothing more for the runs that wait when the frontend stops', async () => {
    const { part, results } = await open();
    const calls: string[] = [];
    const reached = Promise.withResolvers<void>();
    sample.metadata.before = (call) => {
      calls.push(call);
      reached.resolve();
    };
    sample.metadata.hang('getRepo');
    const runs = Array.from({ length: 10 }, (_, at) => {
      return Array.fromAsync(part.run(`team/app${at}`, { full: true, dryRun: false }, signal));
    });
    const planned = Array.fromAsync(part.run(repoName, { full: true, dryRun: true }, signal));
    const ended = Promise.allSettled([...runs, planned]);
    await reached.promise;
    await part.stop();
    expect(calls).toEqual(['getRepo', 'getRepo']);
    for (const outcome of await ended) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SHUTTING_DOWN' } });
    }
    expect(results).toEqual(Array(10).fill('SHUTTING_DOWN'));
  });

  it('clears at the start what an older process left', async () => {
    mkdirSync(join(sample.folder, 'f1-maintenance', 'left'), { recursive: true });
    await open();
    expect(readdirSync(join(sample.folder, 'f1-maintenance'))).toEqual([]);
  });
});

describe('maintenance after pushes', () => {
  it('waits for a quiet moment, and comes once for many pushes', async () => {
    await pushMore(8);
    const { part, results } = await open();
    const refs = await refsNow();
    for (let at = 0; at < 5; at += 1) part.noticePush(refs);
    sample.clock.advance(4_999);
    expect(results).toEqual([]);
    sample.clock.advance(1);
    await eventually(() => expect(results).toEqual(['changed']));
    expect(await sample.listed()).toHaveLength(1);
    sample.clock.advance(60_000);
    expect(results).toEqual(['changed']);
  });

  it('does not come when it is switched off', async () => {
    await pushMore(8);
    const { part } = await open('f1', false);
    part.noticePush(await refsNow());
    expect(sample.clock.pendingTimers()).toBe(0);
  });

  it('looks at a repository of few packs once, and again when it has doubled: a bitmap may pay by then', async () => {
    const { part, results } = await open();
    const { repo, snapshot } = await refsNow();
    const lookedAt: bigint[] = [];
    for (const packBytes of [0n, 1_000n, 2_097_152n, 4_194_303n, 4_194_304n, 4_194_304n]) {
      part.noticePush({ repo: { ...repo, packBytes }, snapshot });
      if (sample.clock.pendingTimers() === 0) continue;
      lookedAt.push(packBytes);
      sample.clock.advance(5_000);
      await eventually(() => expect(results).toHaveLength(lookedAt.length));
    }
    expect(lookedAt).toEqual([0n, 2_097_152n, 4_194_304n]);
    expect(new Set(results)).toEqual(new Set(['unchanged']));
  });

  it('leaves a repository alone for a while when it has failed', async () => {
    await pushMore(8);
    const { part, results } = await open();
    const refs = await refsNow();
    sample.metadata.before = () => {
      throw new StratumError('UNREACHABLE', 'cut off', { endpoint: 'm1' });
    };
    part.noticePush(refs);
    sample.clock.advance(5_000);
    await eventually(() => expect(results).toEqual(['UNREACHABLE']));
    sample.metadata.before = () => undefined;
    part.noticePush(refs);
    expect(sample.clock.pendingTimers()).toBe(0);
    sample.clock.advance(600_000);
    part.noticePush(refs);
    sample.clock.advance(5_000);
    await eventually(() => expect(results).toEqual(['UNREACHABLE', 'changed']));
  });

  it('forgets what it has noticed when it stops', async () => {
    await pushMore(8);
    const { part } = await open();
    const refs = await refsNow();
    part.noticePush(refs);
    await part.stop();
    expect(sample.clock.pendingTimers()).toBe(0);
    part.noticePush(refs);
    expect(sample.clock.pendingTimers()).toBe(0);
  });
});
