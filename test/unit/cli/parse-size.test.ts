import { describe, expect, it } from 'vitest';
import { parseSize } from '../../../src/cli/parse-size.ts';

describe('parseSize', () => {
  it.each([
    ['0', 0],
    ['512', 512],
    ['512B', 512],
    ['64KiB', 65_536],
    ['1.5MiB', 1_572_864],
    ['1GB', 1_000_000_000],
    ['2 GiB', 2_147_483_648],
  ])('reads %s as %i bytes', (text, bytes) => {
    expect(parseSize(text, '--max')).toBe(bytes);
  });

  it.each(['', 'MiB', '-1', '1XB', '1 MiB!', '0x10'])('refuses %j', (text) => {
    expect(() => parseSize(text, '--max')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: `--max: "${text}" is not a size` }),
    );
  });
});
