import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/cli/parse-duration.ts';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
  ])('reads %s as %i ms', (text, ms) => {
    expect(parseDuration(text, '--timeout')).toBe(ms);
  });

  it.each(['', '10', 's', '10 s', '-1s', '10x', '1s!', '1e3s'])('refuses %j and says what would be right', (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `--timeout: "${text}" is not a duration`,
        hint: expect.stringContaining('10s'),
      }),
    );
  });
});
