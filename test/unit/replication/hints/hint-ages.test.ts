import { describe, expect, it } from 'vitest';
import { HintAges } from '../../../../src/replication/hints/hint-ages.ts';
import { manualClock } from '../../base/manual-clock.ts';

/** A wall clock that can be set, beside one that never jumps. */
function sample() {
  const clock = manualClock();
  const wall = { jumpedMs: 0 };
  const ages = new HintAges({ clock: { ...clock, nowMs: () => clock.nowMs() + wall.jumpedMs } });
  let number = 0n;
  const note = () => {
    number += 1n;
    return { number, notedAtMs: ages.nowMs(number) };
  };
  return { clock, wall, ages, note };
}

describe('the ages of hints', () => {
  it.each([60_000, -60_000, 500])('leave out a jump of the wall clock by %i ms, before and after a hint', (jumpMs) => {
    const { clock, wall, ages, note } = sample();
    const before = note();
    clock.advance(1_000);
    wall.jumpedMs = jumpMs;
    const after = note();
    clock.advance(1_000);
    wall.jumpedMs = 0;
    expect(ages.ageMs(before)).toBe(2_000);
    // Less than a second is drift, and that is not followed.
    expect(ages.ageMs(after)).toBe(jumpMs === 500 ? 500 : 1_000);
  });

  it('are reckoned from the wall clock at the start for hints that are older than the process', () => {
    const { clock, wall, ages } = sample();
    const old = { number: 1n, notedAtMs: clock.nowMs() - 7_000 };
    clock.advance(1_000);
    wall.jumpedMs = 3_600_000;
    expect(ages.ageMs(old)).toBe(8_000);
  });

  it('stay right for the last hints however often the clock is set', () => {
    const { clock, wall, ages, note } = sample();
    for (let jump = 1; jump <= 200; jump += 1) {
      wall.jumpedMs = jump * 10_000;
      note();
    }
    const last = note();
    clock.advance(5_000);
    wall.jumpedMs = 0;
    expect(ages.ageMs(last)).toBe(5_000);
  });
});
