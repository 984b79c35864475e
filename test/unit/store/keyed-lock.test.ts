import { describe, expect, it } from 'vitest';
import { KeyedLock } from '../../../src/store/keyed-lock.ts';

describe('KeyedLock', () => {
  it('runs what has one key in the order of asking, never two at once', async () => {
    const lock = new KeyedLock();
    const events: string[] = [];
    const run = (name: string) =>
      lock.run('key', async () => {
        events.push(`${name} begins`);
        await Promise.resolve();
        events.push(`${name} ends`);
      });
    await Promise.all([run('a'), run('b'), run('c')]);
    expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('does not make different keys wait for each other', async () => {
    const lock = new KeyedLock();
    const gate = Promise.withResolvers<void>();
    const held = lock.run('a', () => gate.promise);
    expect(await lock.run('b', async () => 'done')).toBe('done');
    gate.resolve();
    await held;
  });

  it('goes on after a failure, which is its asker’s alone', async () => {
    const lock = new KeyedLock();
    const failing = lock.run('key', () => Promise.reject(new Error('broken')));
    const next = lock.run('key', async () => 'fine');
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('fine');
  });

  it('keeps no key that is not in use', async () => {
    const lock = new KeyedLock();
    const runs = ['a', 'b', 'a'].map((key) => lock.run(key, () => Promise.resolve()));
    expect(lock.size).toBe(2);
    await Promise.all(runs);
    expect(lock.size).toBe(0);
  });
});
