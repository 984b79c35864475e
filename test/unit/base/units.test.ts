import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration } from '../../../src/base/units.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [150 * 1024 * 1024, '150 MiB'],
    [3n * 1024n ** 4n, '3.0 TiB'],
  ])('shows %s as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1500, '1.5s'],
    [59_999, '59s'],
    [93_000, '1m33s'],
    [7_260_000, '2h1m'],
    [3 * 86_400_000, '3d0h'],
  ])('shows %s ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
