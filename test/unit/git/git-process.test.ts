import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { GitProcess } from '../../../src/git/git-process.ts';
import { manualClock } from '../base/manual-clock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'git-process-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stand-in for git: a shell script, which sees the configuration arguments first. */
function start(
  script: string,
  command: {
    args?: string[];
    signal?: AbortSignal;
    killGraceMs?: number;
    timeoutMs?: number;
    clock?: Clock;
    answerCodes?: number[];
  } = {},
) {
  const gitPath = join(folder, 'git');
  writeFileSync(gitPath, `#!/bin/bash\n${script}\n`);
  chmodSync(gitPath, 0o755);
  const options = { gitPath, searchPath: process.env.PATH ?? '', killGraceMs: command.killGraceMs ?? 2000 };
  const { args = ['test'], signal, timeoutMs, answerCodes = [], clock = systemClock } = command;
  return new GitProcess({ args, signal, answerCodes, ...(timeoutMs !== undefined && { timeoutMs }) }, options, {
    clock,
  });
}

async function text(child: GitProcess): Promise<string> {
  let all = '';
  for await (const chunk of child.stdout) all += chunk;
  return all;
}

describe('GitProcess', () => {
  it.each([
    { code: 1, answerCodes: [1], outcome: 'answers' },
    { code: 1, answerCodes: [], outcome: 'fails' },
    { code: 2, answerCodes: [1], outcome: 'fails' },
  ])('$outcome with $code where $answerCodes are answers', async ({ code, answerCodes, outcome }) => {
    const child = start(`exit ${code}`, { answerCodes });
    await text(child);
    const done = child.done.then(
      (value) => ({ outcome: 'answers', value }),
      () => ({ outcome: 'fails', value: code }),
    );
    expect(await done).toEqual({ outcome, value: code });
  });

  it('streams input and output and settles when both have ended', async () => {
    const child = start('cat');
    child.stdin.end('hello');
    expect(await text(child)).toBe('hello');
    await expect(child.done).resolves.toBe(0);
  });

  it('inherits nothing of our environment', async () => {
    process.env.GIT_DIR = '/somewhere';
    try {
      const child = start('env');
      expect(await text(child)).not.toMatch(/GIT_DIR|USER=/);
    } finally {
      delete process.env.GIT_DIR;
    }
  });

  it('fails with the exit code and the last words of standard error', async () => {
    const child = start('echo first >&2; echo "fatal: bad" >&2; exit 128');
    await text(child);
    await expect(child.done).rejects.toMatchObject({
      code: 'GIT_FAILED',
      message: 'git test ended with 128: first; fatal: bad',
    });
  });

  it('survives that the process does not read its input', async () => {
    const child = start('exec 0<&-; exit 3');
    child.stdin.write(Buffer.alloc(1_000_000));
    await text(child);
    await expect(child.done).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  it('says what to do when there is no git', async () => {
    const options = { gitPath: join(folder, 'missing'), searchPath: '', killGraceMs: 1 };
    const child = new GitProcess({ args: ['x'] }, options, { clock: systemClock });
    await expect(child.done).rejects.toMatchObject({
      code: 'GIT_FAILED',
      hint: expect.stringContaining('Install git'),
    });
  });

  it('kills the process and its children when the signal aborts', async () => {
    const controller = new AbortController();
    const child = start('sleep 1000 & echo $!; echo $$; wait', { signal: controller.signal });
    let pids = '';
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      pids += chunk;
      if (pids.split('\n').length === 3) break;
    }
    controller.abort(new Error('client gone'));
    await expect(child.done).rejects.toThrow('client gone');
    const [sleeper, shell] = pids.trim().split('\n').map(Number) as [number, number];
    for (const pid of [sleeper, shell]) expect(stateOf(pid)).toMatch(/gone|Z/);
  });

  it('kills with SIGKILL what ignores SIGTERM', async () => {
    const child = start('trap "" TERM; echo ready; while :; do sleep 1000; done', { killGraceMs: 50 });
    for await (const _ of child.stdout.iterator({ destroyOnReturn: false })) break;
    child.kill(new Error('enough'));
    await expect(child.done).rejects.toThrow('enough');
  });

  it.each([
    ['whose output nobody reads', 'yes'],
    ['that says nothing', 'sleep 1000'],
    ['that has ended while a child of it goes on', 'sleep 1000 & exit 0'],
  ])('ends one %s by its time limit', async (_, script) => {
    const clock = manualClock();
    const child = start(script, { timeoutMs: 60_000, clock });
    clock.advance(59_999);
    expect(clock.pendingTimers()).toBe(1);
    clock.advance(1);
    await expect(child.done).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      details: { endpoint: 'git test', timeoutMs: 60_000 },
    });
    expect(clock.pendingTimers()).toBe(0);
  });

  it('has no timer left when it ends in time', async () => {
    const clock = manualClock();
    const child = start('cat', { timeoutMs: 60_000, clock });
    child.stdin.end('hello');
    expect(await text(child)).toBe('hello');
    await child.done;
    expect(clock.pendingTimers()).toBe(0);
  });

  it('never starts work for a signal that is aborted already', async () => {
    const child = start('sleep 1000', { signal: AbortSignal.abort(new Error('too late')) });
    await expect(child.done).rejects.toThrow('too late');
  });
});

/** The letter of a process's state, 'gone' when there is none: a zombie still takes signals. */
function stateOf(pid: number): string {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return 'gone';
  return /State:\s+(\S)/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'gone';
}
