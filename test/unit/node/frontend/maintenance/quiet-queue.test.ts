import { describe, expect, it } from 'vitest';
import { QuietQueue } from '../../../../../src/node/frontend/maintenance/quiet-queue.ts';
import { manualClock } from '../../../base/manual-clock.ts';

function sample(keysMax = 10) {
  const clock = manualClock();
  const due: string[] = [];
  const queue = new QuietQueue(
    { quietMs: 100, waitMsMax: 350, keysMax },
    { clock, onDue: (key) => due.push(`${key} ${clock.monotonicMs()}`) },
  );
  return { clock, due, queue };
}

describe('QuietQueue', () => {
  it('waits until nothing has happened for a while, and tells a key once', () => {
    const { clock, due, queue } = sample();
    queue.notice('a');
    clock.advance(60);
    queue.notice('a');
    queue.notice('b');
    clock.advance(99);
    expect(due).toEqual([]);
    clock.advance(1_000);
    expect(due).toEqual(['a 160', 'b 160']);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('does not wait for ever for a key to which something happens all the time', () => {
    const { clock, due, queue } = sample();
    for (let at = 0; at < 10; at += 1) {
      queue.notice('a');
      clock.advance(50);
    }
    expect(due).toEqual(['a 350']);
  });

  it('has a bound: a key beyond it is told when it is noticed again', () => {
    const { clock, due, queue } = sample(1);
    queue.notice('a');
    queue.notice('b');
    clock.advance(100);
    queue.notice('b');
    clock.advance(100);
    expect(due).toEqual(['a 100', 'b 200']);
  });

  it('forgets everything, and has no timer then', () => {
    const { clock, due, queue } = sample();
    queue.notice('a');
    queue.clear();
    expect(clock.pendingTimers()).toBe(0);
    clock.advance(1_000);
    expect(due).toEqual([]);
    expect(queue.size).toBe(0);
  });
});
