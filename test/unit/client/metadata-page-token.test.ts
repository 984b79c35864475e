import { describe, expect, it } from 'vitest';
import { decodePageToken, encodePageToken, pageSizeOf } from '../../../src/client/metadata-page-token.ts';

describe('a page token', () => {
  it.each(['team/app', 'é😀', '12.3'])('gives back what the page ended with: %s', (after) => {
    expect(decodePageToken(encodePageToken(after))).toBe(after);
  });

  it('is nothing for the first page', () => {
    expect(decodePageToken('')).toBe('');
  });

  it.each(['x', 'a1.', 'a1.!!', 'b1.dGVhbQ', 'a1.dGVhbQ==', 'a1.____', 'a'.repeat(5_000)])('refuses %s', (token) => {
    expect(() => decodePageToken(token)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'page_token' }) }),
    );
  });
});

describe('pageSizeOf', () => {
  it.each([
    [0, 100],
    [1, 1],
    [1_000, 1_000],
  ])('takes %d as %d', (given, expected) => {
    expect(pageSizeOf(given)).toBe(expected);
  });

  it.each([-1, 1_001, 1.5, Number.NaN])('refuses %d', (given) => {
    expect(() => pageSizeOf(given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
