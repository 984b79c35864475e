import type { Random } from '../../src/base/random.ts';

/** Randomness that repeats itself: the same seed gives the same numbers. */
export interface SimRandom extends Random {
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  /** A number from `min` up to `max`. */
  between(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** By Tommy Ettinger's mulberry32: small, fast, and even enough to choose faults. */
export function simRandom(seed: number): SimRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    bytes: (length) => Buffer.from(Array.from({ length }, () => integer(0, 255))),
    integer,
    between: (min, max) => min + next() * (max - min),
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[integer(0, items.length - 1)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
  };
}
