import { describe, expect, it } from 'vitest';
import { randomHex, systemRandom } from '../../../src/base/random.ts';

describe('the system’s randomness', () => {
  it('draws numbers from 0 up to, not including, 1', () => {
    for (let round = 0; round < 1000; round += 1) {
      const drawn = systemRandom.next();
      expect(drawn).toBeGreaterThanOrEqual(0);
      expect(drawn).toBeLessThan(1);
    }
  });

  it('gives two hex digits a byte, other ones each time', () => {
    const first = randomHex(systemRandom, 16);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(randomHex(systemRandom, 16)).not.toBe(first);
  });
});
