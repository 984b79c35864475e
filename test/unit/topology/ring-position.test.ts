import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { halfOfBytes, halfOfHex, virtualNodePosition } from '../../../src/topology/ring-position.ts';

describe('the positions of virtual nodes', () => {
  it('are the first 8 bytes of the SHA-256 of id, NUL and index', () => {
    const digest = createHash('sha256').update(Buffer.from('object-1\x0017', 'latin1')).digest();
    const position = { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
    expect(virtualNodePosition('object-1', 17)).toEqual(position);
  });

  it('never change: every blob would be in the wrong place', () => {
    const { high, low } = virtualNodePosition('object-1', 0);
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(12689304216083020800n);
  });
});

describe('half of a position', () => {
  it.each(['00000000', '0123abcd', '9fffffff', 'ffffffff', '80000000'])('is the number that %s spells', (digits) => {
    const expected = Number.parseInt(digits, 16);
    expect(halfOfHex(`..${digits}..`, 2)).toBe(expected);
    expect(halfOfBytes(Buffer.from(`ff${digits}ff`, 'hex'), 1)).toBe(expected);
  });
});
