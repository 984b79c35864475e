import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from '../../../src/git/slots.ts';
import { manualClock } from '../base/manual-clock.ts';

const bounds = { what: 'things', waitMaxMs: 500, retryAfterMs: 1000 };

const slots = (slotsMax: number, queueMax: number, clock = manualClock()) =>
  new Slots({ ...bounds, slotsMax, queueMax, perKeyMax: slotsMax, queuePerKeyMax: queueMax }, { clock });

describe('Slots', () => {
  it('refuses a caller whose turn does not come in time, and lets the next one have it', async () => {
    const clock = manualClock();
    const one = slots(1, 10, clock);
    const release = await one.acquire(undefined);
    const tired = one.acquire(undefined);
    clock.advance(400);
    const patient = one.acquire(undefined);
    clock.advance(100);
    await expect(tired).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 1000 } });
    release();
    (await patient)();
    expect([one.taken, one.waiting, clock.pendingTimers()]).toEqual([0, 0, 0]);
  });

  it('serves callers in order of arrival', async () => {
    const one = slots(1, 10);
    const release = await one.acquire(undefined);
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (number) => {
      const done = await one.acquire(undefined);
      order.push(number);
      done();
    });
    expect(one.waiting).toBe(3);
    release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
    expect(one.taken).toBe(0);
  });

  it('refuses with OVERLOADED when the queue is full', async () => {
    const one = slots(1, 1);
    await one.acquire(undefined);
    const second = one.acquire(undefined);
    await expect(one.acquire(undefined)).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 1000 } });
    expect(one.waiting).toBe(1);
    expect(second).toBeInstanceOf(Promise);
  });

  it('lets a waiter leave, and frees a slot only once', async () => {
    const one = slots(1, 1);
    const release = await one.acquire(undefined);
    const controller = new AbortController();
    const leaving = one.acquire(undefined, controller.signal);
    controller.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    release();
    release();
    expect(one.taken).toBe(0);
    await one.acquire(undefined);
    expect(one.taken).toBe(1);
    await expect(one.acquire(undefined, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});

/** Plays arrivals and releases, and notes who was given a slot. */
function play(options: { readonly slotsMax: number; readonly perKeyMax: number; readonly queueMax?: number }) {
  const { queueMax = 1000 } = options;
  const many = new Slots({ ...bounds, queuePerKeyMax: queueMax, queueMax, ...options }, { clock: manualClock() });
  const grants: string[] = [];
  const held = new Map<string, (() => void)[]>();
  const arrive = async (key: string, signal?: AbortSignal) => {
    const release = await many.acquire(key, signal);
    grants.push(key);
    held.set(key, [...(held.get(key) ?? []), release]);
  };
  const heldBy = (key: string) => held.get(key)?.length ?? 0;
  return { many, grants, held, arrive, heldBy };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('Slots by key', () => {
  it('gives a late key its turn before the second of an early one', async () => {
    const { grants, held, arrive } = play({ slotsMax: 2, perKeyMax: 2 });
    for (const key of ['a', 'a', 'a', 'a', 'a', 'b', 'c']) void arrive(key);
    await settle();
    for (const key of ['a', 'a', 'a', 'b']) {
      held.get(key)?.shift()?.();
      await settle();
    }
    expect(grants.join('')).toBe('aaabca');
  });

  it('keeps slots free for others when one key has its part', async () => {
    const { many, grants, held, arrive } = play({ slotsMax: 4, perKeyMax: 2 });
    for (const key of ['a', 'a', 'a', 'b']) void arrive(key);
    await settle();
    expect([grants.join(''), many.taken, many.waiting]).toEqual(['aab', 3, 1]);
    held.get('b')?.shift()?.();
    await settle();
    expect(grants.join('')).toBe('aab');
    held.get('a')?.shift()?.();
    await settle();
    expect(grants.join('')).toBe('aaba');
  });

  it('bounds callers without a key by the totals alone', async () => {
    const one = new Slots(
      { ...bounds, slotsMax: 4, perKeyMax: 1, queueMax: 2, queuePerKeyMax: 1 },
      { clock: manualClock() },
    );
    for (let at = 0; at < 4; at += 1) await one.acquire(undefined);
    const waiting = [one.acquire(undefined), one.acquire(undefined)];
    await expect(one.acquire(undefined)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect([one.taken, waiting.length]).toEqual([4, 2]);
  });

  it('refuses a key whose queue is full, and still takes another', async () => {
    const one = new Slots(
      { ...bounds, slotsMax: 1, perKeyMax: 1, queueMax: 4, queuePerKeyMax: 2 },
      { clock: manualClock() },
    );
    const release = await one.acquire('a');
    const waiting = [one.acquire('a'), one.acquire('a')];
    await expect(one.acquire('a')).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 1000 } });
    waiting.push(one.acquire('b'), one.acquire('b'));
    await expect(one.acquire('c')).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 1000 } });
    release();
    for (const next of [0, 2, 1, 3]) (await waiting[next])?.();
    expect([one.taken, one.waiting]).toEqual([0, 0]);
  });

  it('lets no key wait for more than its turn, and exceeds no bound, whatever comes and goes', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      kind: fc.constantFrom('arrive', 'arrive', 'release', 'leave'),
    });
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      async (slotsMax, perKeyMax, steps) => {
        const { many, grants, held, arrive, heldBy } = play({ slotsMax, perKeyMax });
        const waiting = new Map<string, AbortController[]>();
        /** For a key that could be given a slot: what others were given since it began to wait. */
        const passedOver = new Map<string, Set<string>>();
        let seen = 0;
        const judge = () => {
          for (const key of grants.slice(seen)) {
            waiting.get(key)?.shift();
            passedOver.delete(key);
            for (const [waiter, others] of passedOver) {
              expect(others.has(key), `${waiter} was passed over by ${key} twice`).toBe(false);
              others.add(key);
            }
          }
          seen = grants.length;
          for (const [key, line] of waiting) {
            const mayHave = line.length > 0 && heldBy(key) < perKeyMax;
            if (!mayHave) passedOver.delete(key);
            else if (!passedOver.has(key)) passedOver.set(key, new Set());
            if (mayHave) expect(many.taken).toBe(slotsMax);
            expect(heldBy(key)).toBeLessThanOrEqual(perKeyMax);
          }
          expect(many.taken).toBeLessThanOrEqual(slotsMax);
        };
        for (const { key, kind } of steps) {
          if (kind === 'arrive') {
            const controller = new AbortController();
            waiting.set(key, [...(waiting.get(key) ?? []), controller]);
            arrive(key, controller.signal).catch(() => undefined);
          } else if (kind === 'release') held.get(key)?.shift()?.();
          else waiting.get(key)?.pop()?.abort(new Error('left'));
          await settle();
          judge();
        }
        for (const line of waiting.values()) for (const controller of line) controller.abort(new Error('left'));
        for (const releases of held.values()) for (const release of releases) release();
        await settle();
        expect([many.taken, many.waiting]).toEqual([0, 0]);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});
