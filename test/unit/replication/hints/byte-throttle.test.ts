import { describe, expect, it } from 'vitest';
import { KiB } from '../../../../src/base/units.ts';
import { ByteThrottle } from '../../../../src/replication/hints/byte-throttle.ts';
import { manualClock } from '../../base/manual-clock.ts';

const signal = new AbortController().signal;

/** Milliseconds until so many passes of so many bytes are through, at 640 KiB a second. */
async function timeFor(passes: number, bytes: number): Promise<number> {
  const clock = manualClock();
  const throttle = new ByteThrottle({ bytesPerSecond: 640 * KiB }, { clock });
  let isThrough = false;
  const all = Promise.all(Array.from({ length: passes }, () => throttle.pass(bytes, signal))).then(() => {
    isThrough = true;
  });
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (isThrough) break;
    clock.advance(10);
  }
  await all;
  return clock.monotonicMs();
}

describe('ByteThrottle', () => {
  it.each([
    { passes: 1, bytes: 640 * KiB, ms: 0 },
    { passes: 1, bytes: 1280 * KiB, ms: 1_000 },
    { passes: 8, bytes: 320 * KiB, ms: 3_000 },
    { passes: 300, bytes: 10, ms: 0 },
    { passes: 80, bytes: 32 * KiB, ms: 3_000 },
  ])('lets a second’s worth pass at once and the rest at its rate: $passes of $bytes bytes', async (row) => {
    expect(await timeFor(row.passes, row.bytes)).toBe(row.ms);
  });

  it('rejects with the reason of the signal', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const throttle = new ByteThrottle({ bytesPerSecond: 64 * KiB }, { clock });
    await throttle.pass(64 * KiB, controller.signal);
    const passing = throttle.pass(64 * KiB, controller.signal);
    controller.abort(new Error('stopped'));
    await expect(passing).rejects.toThrow('stopped');
  });
});
