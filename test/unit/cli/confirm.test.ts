import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { confirm, confirmByName } from '../../../src/cli/confirm.ts';
import type { CommandIo } from '../../../src/cli/io.ts';
import { Sink } from './run-command.ts';

/** A terminal in raw mode: keys come as they are typed. */
function terminal(interrupted = new AbortController().signal) {
  const stdin = new PassThrough();
  const stderr = Object.assign(new Sink(), { isTTY: true, columns: 80 });
  const io: CommandIo = {
    stdin,
    stdout: new Sink(),
    stderr,
    env: {},
    stdinIsTerminal: true,
    stdoutIsTerminal: true,
    stderrIsTerminal: true,
    interrupted,
    interruptedExitCode: () => undefined,
    handleSignals: () => () => undefined,
  };
  return { io, stdin };
}

describe('the question before a change', () => {
  it.each([
    ['y', 'y\r', undefined],
    ['yes', 'yes\r', undefined],
    ['anything else', 'n\r', { code: 'CONFIRMATION_REQUIRED' }],
    ['the end of the input', '\u0004', { code: 'CONFIRMATION_REQUIRED' }],
    ['Ctrl-C', '\u0003', { code: 'CANCELLED', row: { exit: 130 } }],
    ['Ctrl-C after a y', 'y\u0003', { code: 'CANCELLED', row: { exit: 130 } }],
  ])('takes %s', async (_what, keys, refusal) => {
    const { io, stdin } = terminal();
    const answer = confirm('Go on?', { yes: false }, io);
    stdin.write(keys);
    if (refusal === undefined) await expect(answer).resolves.toBeUndefined();
    else await expect(answer).rejects.toMatchObject(refusal);
  });

  it('ends with the command', async () => {
    const end = new AbortController();
    const answer = confirm('Go on?', { yes: false }, terminal(end.signal).io);
    const reason = new StratumError('CANCELLED', 'terminated');
    end.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });
});

describe('the question before a change that cannot simply be taken back', () => {
  const refused = { code: 'CONFIRMATION_REQUIRED' };
  it.each([
    ['the name', 'team/app\r', undefined],
    ['no mere yes', 'y\r', refused],
    ['no other name', 'team/ap\r', refused],
    ['not the end of the input', '\u0004', refused],
    ['not Ctrl-C', '\u0003', { code: 'CANCELLED' }],
  ])('takes %s', async (_what, keys, refusal) => {
    const { io, stdin } = terminal();
    const answer = confirmByName('Delete it?', 'team/app', {}, io);
    stdin.write(keys);
    if (refusal === undefined) await expect(answer).resolves.toBeUndefined();
    else await expect(answer).rejects.toMatchObject(refusal);
  });

  it.each([
    ['the same name', 'team/app', undefined],
    ['another one', 'team/ap', { ...refused, hint: '--confirm team/app confirms' }],
  ])('does not ask when a flag gives %s', async (_what, given, refusal) => {
    const answer = confirmByName('Delete it?', 'team/app', { confirm: given }, terminal().io);
    if (refusal === undefined) await expect(answer).resolves.toBeUndefined();
    else await expect(answer).rejects.toMatchObject(refusal);
  });
});
