import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WatchQueue } from '../../../../src/node/coordinator/watch-queue.ts';
import { reduce } from '../../../../src/topology/reduce.ts';
import type { TopologyUpdate } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { emptyCluster, register } from '../../topology/sample-cluster.ts';

function update(version: bigint): TopologyUpdate {
  const made = reduce(emptyCluster(), register(), 1n).update;
  if (made === undefined) throw new Error('no update');
  return { ...made, version, previousVersion: version - 1n };
}

function sampleQueue(updatesMax = 2) {
  const clock = manualClock();
  const ended = new AbortController();
  const queue = new WatchQueue({ updatesMax }, { clock });
  return { clock, ended, queue, take: () => queue.take(100, ended.signal) };
}

describe('WatchQueue', () => {
  it('hands out updates in order, those that wait and those that come', async () => {
    const { queue, take } = sampleQueue();
    queue.push(update(1n));
    queue.push(update(2n));
    expect(await take()).toMatchObject({ kind: 'update', update: { version: 1n } });
    expect(await take()).toMatchObject({ kind: 'update', update: { version: 2n } });
    const next = take();
    queue.push(update(3n));
    expect(await next).toMatchObject({ kind: 'update', update: { version: 3n } });
  });

  it('is idle when nothing comes in time', async () => {
    const { clock, take } = sampleQueue();
    const item = take();
    clock.advance(100);
    expect(await item).toEqual({ kind: 'idle' });
    expect(clock.pendingTimers()).toBe(0);
  });

  it('leaves no listener at the signal of a reader that stays for days', async () => {
    const { clock, ended, take } = sampleQueue();
    for (let round = 0; round < 3; round += 1) {
      const item = take();
      clock.advance(100);
      await item;
    }
    expect(getEventListeners(ended.signal, 'abort')).toHaveLength(0);
  });

  it('ends a wait at once when the reader goes away, and leaves no timer behind', async () => {
    const { clock, ended, take } = sampleQueue();
    const item = take();
    ended.abort();
    expect(await item).toEqual({ kind: 'idle' });
    expect(clock.pendingTimers()).toBe(0);
    expect(await take()).toEqual({ kind: 'idle' });
  });

  it('says how many were dropped when the reader falls behind, and keeps nothing until it is reset', async () => {
    const { queue, take } = sampleQueue(2);
    for (const version of [1n, 2n, 3n, 4n]) queue.push(update(version));
    expect(await take()).toEqual({ kind: 'lagged', dropped: 4 });
    queue.push(update(5n));
    expect(await take()).toEqual({ kind: 'lagged', dropped: 5 });
    queue.reset();
    queue.push(update(6n));
    expect(await take()).toMatchObject({ kind: 'update', update: { version: 6n } });
  });

  it('tells a reader that the topology has jumped, in place of what waited, until it begins afresh', async () => {
    const { queue, take } = sampleQueue();
    queue.push(update(1n));
    const waiting = take();
    await waiting;
    const next = take();
    queue.jump();
    queue.push(update(9n));
    expect(await next).toEqual({ kind: 'jumped' });
    expect(await take()).toEqual({ kind: 'jumped' });
    queue.reset();
    queue.push(update(10n));
    expect(await take()).toMatchObject({ kind: 'update', update: { version: 10n } });
  });
});
