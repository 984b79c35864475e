import { describe, expect, it } from 'vitest';
import { mapInOrder } from '../../../src/rpc/map-in-order.ts';

async function* upTo(count: number, taken: number[] = []): AsyncGenerator<number, void, undefined> {
  for (let item = 0; item < count; item += 1) {
    taken.push(item);
    yield item;
  }
}

describe('mapInOrder', () => {
  it('gives the results in the order of the items, whichever is done first', async () => {
    const waits = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const work = async (item: number) => {
      await waits[item]?.promise;
      waits[item - 1]?.resolve(); // Each is done only after the next one.
      return item * 10;
    };
    waits[3]?.resolve();
    expect(await Array.fromAsync(mapInOrder(upTo(4), 4, work))).toEqual([0, 10, 20, 30]);
  });

  it('works on no more than it may at once', async () => {
    let underWay = 0;
    let most = 0;
    const work = async (item: number) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return item;
    };
    expect(await Array.fromAsync(mapInOrder(upTo(50), 3, work))).toHaveLength(50);
    expect(most).toBe(3);
  });

  it('gives a result while no further item comes', async () => {
    const items = async function* () {
      yield 1;
      await new Promise(() => undefined);
    };
    const results = mapInOrder(items(), 8, async (item) => item + 1);
    expect(await results.next()).toEqual({ done: false, value: 2 });
  });

  it('takes no items ahead of a reader who does not read', async () => {
    const taken: number[] = [];
    const results = mapInOrder(upTo(100, taken), 4, async (item) => item);
    await results.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken.length).toBeLessThanOrEqual(5);
    await results.return();
  });

  it('ends with the first failure in order, of the work or of the items, and ends the items', async () => {
    const failing = mapInOrder(upTo(9), 4, async (item) => {
      if (item === 2) throw new Error('no');
      return item;
    });
    const got: number[] = [];
    const reading = (async () => {
      for await (const result of failing) got.push(result);
    })();
    await expect(reading).rejects.toThrow('no');
    expect(got).toEqual([0, 1]);
    const broken = async function* () {
      yield 1;
      throw new Error('broken');
    };
    await expect(Array.fromAsync(mapInOrder(broken(), 4, async (item) => item))).rejects.toThrow('broken');
  });
});
