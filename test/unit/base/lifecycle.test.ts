import { describe, expect, it } from 'vitest';
import { Lifecycle, type Part } from '../../../src/base/lifecycle.ts';
import { manualClock } from './manual-clock.ts';

function recorder() {
  const events: string[] = [];
  const part = (name: string, faults: { start?: Error; stop?: Error } = {}): Part => ({
    name,
    async start() {
      events.push(`start ${name}`);
      if (faults.start !== undefined) throw faults.start;
    },
    async stop() {
      events.push(`stop ${name}`);
      if (faults.stop !== undefined) throw faults.stop;
    },
  });
  return { events, part };
}

describe('Lifecycle', () => {
  it('starts parts in order and stops them in reverse', async () => {
    const { events, part } = recorder();
    const lifecycle = new Lifecycle(manualClock());
    for (const name of ['disk', 'listener', 'membership']) await lifecycle.start(part(name));
    await lifecycle.stop();
    expect(events).toEqual([
      'start disk',
      'start listener',
      'start membership',
      'stop membership',
      'stop listener',
      'stop disk',
    ]);
  });

  it('stops what had been started when a later part fails, and reports that part’s own error', async () => {
    const { events, part } = recorder();
    const lifecycle = new Lifecycle(manualClock());
    await lifecycle.start(part('disk'));
    const failure = new Error('port taken');
    await expect(lifecycle.start(part('listener', { start: failure }))).rejects.toBe(failure);
    expect(events).toEqual(['start disk', 'start listener', 'stop listener', 'stop disk']);
  });

  it('goes on stopping after a failure and names every culprit', async () => {
    const { events, part } = recorder();
    const lifecycle = new Lifecycle(manualClock());
    await lifecycle.start(part('disk', { stop: new Error('stuck write') }));
    await lifecycle.start(part('listener'));
    await lifecycle.start(part('membership', { stop: new Error('no answer') }));
    await expect(lifecycle.stop()).rejects.toThrow(/membership: no answer; disk: stuck write/);
    expect(events.slice(3)).toEqual(['stop membership', 'stop listener', 'stop disk']);
  });

  it('gives up on a part that never stops at its deadline and goes on with the next', async () => {
    const { events, part } = recorder();
    const clock = manualClock();
    const lifecycle = new Lifecycle(clock);
    await lifecycle.start(part('disk'));
    const stuck: Part = { name: 'stuck', stop: () => new Promise(() => undefined), stopTimeoutMs: 500 };
    await lifecycle.start(stuck);
    const stopping = lifecycle.stop();
    clock.advance(500);
    await expect(stopping).rejects.toThrow(/stuck: stop of stuck did not finish within 500 ms/);
    expect(events).toEqual(['start disk', 'stop disk']);
  });

  it('stops once, however often it is asked to', async () => {
    const { events, part } = recorder();
    const lifecycle = new Lifecycle(manualClock());
    await lifecycle.start(part('disk'));
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    expect(events).toEqual(['start disk', 'stop disk']);
  });

  it('starts nothing any more once it is stopping', async () => {
    const { part } = recorder();
    const lifecycle = new Lifecycle(manualClock());
    await lifecycle.stop();
    await expect(lifecycle.start(part('late'))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
