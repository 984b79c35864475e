import { expect, it } from 'vitest';
import { PinCounts } from '../../../src/store/pin-counts.ts';

it('holds a key until its last user has gone', () => {
  const pins = new PinCounts();
  pins.add('a');
  pins.add('a');
  pins.remove('a');
  expect([pins.has('a'), pins.has('b')]).toEqual([true, false]);
  pins.remove('a');
  expect(pins.has('a')).toBe(false);
  pins.remove('a');
  pins.add('a');
  expect(pins.has('a')).toBe(true);
});
