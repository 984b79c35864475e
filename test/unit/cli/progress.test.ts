import { describe, expect, it } from 'vitest';
import { usesColour } from '../../../src/cli/io.ts';
import { startProgress } from '../../../src/cli/progress.ts';
import { Sink } from './run-command.ts';

function io(stderr: Sink) {
  return { stderr, stderrIsTerminal: false, env: {} } as unknown as Parameters<typeof startProgress>[1];
}

describe('progress off a terminal', () => {
  it('is a plain line for each change, and none twice', async () => {
    const stderr = new Sink();
    const progress = await startProgress('starting', io(stderr));
    progress.update('starting');
    progress.update('half done');
    progress.end('done');
    expect(stderr.text).toBe('starting\nhalf done\ndone\n');
  });

  it('may end without a word', async () => {
    const stderr = new Sink();
    (await startProgress('starting', io(stderr))).end();
    expect(stderr.text).toBe('starting\n');
  });
});

describe('colour', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    [{ TERM: 'dumb' }, true, false],
  ])('with %j on a terminal (%s) is used: %s', (env, isTerminal, used) => {
    expect(usesColour(env, isTerminal)).toBe(used);
  });
});
