import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { feed, GitRunner } from '../../../src/git/git-runner.ts';
import { manualClock } from '../base/manual-clock.ts';

const runner = (processesMax = 2, queueMax = 10, gitPath = 'git') =>
  new GitRunner({ processesMax, queueMax, gitPath }, { clock: systemClock });

describe('GitRunner', () => {
  it('runs real git with input and returns its output', async () => {
    const output = await runner().run({ args: ['hash-object', '--stdin'], input: [Buffer.from('hello\n')] });
    expect(output.toString().trim()).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
  });

  it('reports how a command failed', async () => {
    await expect(runner().run({ args: ['cat-file', '-t', 'nonsense'], gitDir: '/' })).rejects.toMatchObject({
      code: 'GIT_FAILED',
      message: expect.stringContaining('git cat-file ended with 128'),
    });
  });

  it('bounds the output that it keeps, and the process ends', async () => {
    const one = runner();
    const endless = (async function* () {
      for (;;) yield Buffer.from('blob\n'.repeat(1000));
    })();
    const args = ['stripspace'];
    await expect(one.run({ args: ['help', '-a'], outputBytesMax: 10 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    const controller = new AbortController();
    const running = one.run({ args, input: endless, signal: controller.signal });
    controller.abort(new Error('gone'));
    await expect(running).rejects.toThrow('gone');
    expect(one.running).toBe(0);
  });

  it('runs no more processes than allowed and refuses beyond the queue', async () => {
    const one = runner(1, 1);
    const first = await one.start({ args: ['hash-object', '--stdin'] });
    const second = one.run({ args: ['--version'] });
    await expect(one.run({ args: ['--version'] })).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(one.running).toBe(1);
    first.stdout.resume();
    first.stdin.end();
    await first.done;
    expect((await second).toString()).toContain('git version');
    expect(one.running).toBe(0);
  });

  it('lets another compute while one waits for its client, and ends one of too many that wait', async () => {
    const one = runner(1, 1);
    const args = ['hash-object', '--stdin'];
    const started = [];
    // Eight slow clients for each process that computes.
    for (let at = 0; at < 8; at += 1) {
      const child = await one.start({ args });
      one.pace(child);
      one.pace(child);
      started.push(child);
    }
    const tooMany = await one.start({ args });
    one.pace(tooMany);
    await expect(tooMany.done).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(one.running).toBe(8);
    expect((await one.run({ args: ['--version'] })).toString()).toContain('git version');
    one.killAll(new Error('stopped'));
    await Promise.allSettled(started.map(({ done }) => done));
    expect(one.running).toBe(0);
  });

  it('sets a process that waits for its client no time limit any more', async () => {
    const clock = manualClock();
    const one = new GitRunner({ processesMax: 1, queueMax: 1 }, { clock });
    const child = await one.start({ args: ['hash-object', '--stdin'], timeoutMs: 1_000 });
    one.pace(child);
    clock.advance(10_000);
    child.stdout.resume();
    child.stdin.end();
    await expect(child.done).resolves.toBe(0);
  });

  it('keeps half of its slots and of its queue from one fair key', async () => {
    const one = runner(2, 2);
    const args = ['hash-object', '--stdin'];
    const first = await one.start({ args, fairKey: 'a' });
    const second = one.start({ args, fairKey: 'a' });
    expect([one.running, one.queued]).toEqual([1, 1]);
    await expect(one.start({ args, fairKey: 'a' })).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfterMs: 5_000 },
    });
    const other = await one.start({ args, fairKey: 'b' });
    expect([one.running, one.queued]).toEqual([2, 1]);
    const enough = new Error('enough');
    for (const child of [first, other]) child.kill(enough);
    (await second).kill(enough);
    await expect((await second).done).rejects.toThrow('enough');
    await Promise.allSettled([first.done, other.done]);
    expect([one.running, one.queued]).toEqual([0, 0]);
  });

  it('runs every command, and what that starts, with the limits of memory', async () => {
    const run = (args: string[], config?: Record<string, string>) =>
      runner(4).run({ args, ...(config === undefined ? {} : { config }) });
    expect((await run(['config', 'pack.windowMemory'])).toString()).toMatch(/^\d+\n$/);
    expect((await run(['config', '--get', 'pack.threads'], { 'pack.threads': '7' })).toString()).toBe('7\n');
    expect((await run(['-c', 'alias.x=!git config core.packedGitLimit', 'x'])).toString()).toMatch(/^\d+\n$/);
  });

  it('kills everything that runs when told so', async () => {
    const one = runner(2);
    const children = await Promise.all([1, 2].map(() => one.start({ args: ['hash-object', '--stdin'] })));
    one.killAll(new Error('stopping'));
    for (const child of children) await expect(child.done).rejects.toThrow('stopping');
    expect(one.running).toBe(0);
  });

  it('hands on an error of the input', async () => {
    const broken = (async function* () {
      yield Buffer.from('x');
      throw new Error('the upload broke');
    })();
    await expect(runner().run({ args: ['hash-object', '--stdin'], input: broken })).rejects.toThrow('the upload broke');
  });
});

describe('feed', () => {
  it('keeps pace with a slow reader', async () => {
    const slow = new PassThrough({ highWaterMark: 1 });
    let produced = 0;
    const feeding = feed(
      slow,
      (async function* () {
        for (; produced < 100; produced += 1) yield Buffer.alloc(1000);
      })(),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(produced).toBeLessThan(10);
    slow.resume();
    expect(await feeding).toBe('complete');
    expect(produced).toBe(100);
  });

  it('stops without an error when the reader closes', async () => {
    const closing = new Writable({
      highWaterMark: 1,
      write: () => closing.destroy(),
    });
    expect(await feed(closing, [Buffer.alloc(10), Buffer.alloc(10)])).toBe('closed');
  });
});
