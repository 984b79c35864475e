import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { SilentNodes } from '../../../src/cli/silent-nodes.ts';
import { manualClock } from '../base/manual-clock.ts';

describe('the nodes that were silent', () => {
  it.each([['UNREACHABLE' as const], ['DEADLINE_EXCEEDED' as const]])(
    'are those whose calls ended with %s, for half a minute',
    (code) => {
      const clock = manualClock();
      const silent = new SilentNodes({ clock });
      const error = new StratumError(code, 'away', { endpoint: 'o1' });
      silent.note('o1', error);
      clock.advance(29_999);
      expect(silent.errorOf('o1')).toBe(error);
      expect(silent.errorOf('o2')).toBeUndefined();
      clock.advance(1);
      expect(silent.errorOf('o1')).toBeUndefined();
    },
  );

  it.each([
    new StratumError('INTERNAL', 'a bug'),
    new StratumError('NOT_READY', 'it starts', { what: 'node' }),
    new Error('anything else'),
  ])('are not those that answered: %s', (error) => {
    const silent = new SilentNodes({ clock: manualClock() });
    silent.note('o1', error);
    expect(silent.errorOf('o1')).toBeUndefined();
  });
});
