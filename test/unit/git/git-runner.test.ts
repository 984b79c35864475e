import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { feed, GitRunner } from '../../../src/git/git-runner.ts';

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
