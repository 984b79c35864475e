import { describe, expect, it } from 'vitest';
import { PeriodicFlush } from '../../../src/store/periodic-flush.ts';
import { manualClock } from '../base/manual-clock.ts';
import { recordingLog } from '../base/recording-log.ts';

function flushing(outcome: () => Promise<void>) {
  const clock = manualClock();
  const log = recordingLog();
  let count = 0;
  const flush = () => {
    count += 1;
    return outcome();
  };
  return { clock, log, count: () => count, periodic: new PeriodicFlush({ intervalMs: 100 }, { clock, log, flush }) };
}
const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await null;
};

describe('PeriodicFlush', () => {
  it('flushes in every interval until it is stopped', async () => {
    const { clock, count, periodic } = flushing(async () => undefined);
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(100);
      await settled();
    }
    await periodic.stop();
    clock.advance(1_000);
    expect(count()).toBe(3);
  });

  it('has one flush under way at most, and its end waits for that', async () => {
    const gate = Promise.withResolvers<void>();
    const { clock, count, periodic } = flushing(() => gate.promise);
    clock.advance(1_000);
    expect(count()).toBe(1);
    let isStopped = false;
    const stopped = periodic.stop().then(() => {
      isStopped = true;
    });
    await settled();
    expect(isStopped).toBe(false);
    gate.resolve();
    await stopped;
    expect(isStopped).toBe(true);
  });

  it('says that a flush failed, and tries again', async () => {
    const { clock, log, count, periodic } = flushing(() => Promise.reject(new Error('the disk is gone')));
    for (let turn = 0; turn < 2; turn += 1) {
      clock.advance(100);
      await settled();
    }
    await periodic.stop();
    expect(count()).toBe(2);
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error' }));
  });
});
