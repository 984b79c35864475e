import { describe, expect, it } from 'vitest';
import { eachLimited } from '../../../src/store/each-limited.ts';

const oneTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('work for each of many', () => {
  it.each([
    [0, 3, 0],
    [2, 3, 2],
    [10, 3, 3],
    [5, 1, 1],
  ])('is done once for each of %s, with at most %s at a time', async (count, max, expectedAtOnce) => {
    const done: number[] = [];
    let atOnce = 0;
    let mostAtOnce = 0;
    await eachLimited(Array(count).keys(), max, async (item) => {
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      await oneTurn();
      atOnce -= 1;
      done.push(item);
    });
    expect(done).toEqual([...Array(count).keys()]);
    expect(mostAtOnce).toBe(expectedAtOnce);
  });

  it('ends with the first failure, and begins nothing more', async () => {
    const begun: number[] = [];
    const failing = eachLimited([1, 2, 3, 4, 5, 6], 2, async (item) => {
      begun.push(item);
      await oneTurn();
      if (item === 2) throw new Error('no');
      await oneTurn();
    });
    await expect(failing).rejects.toThrow('no');
    for (let turn = 0; turn < 5; turn += 1) await oneTurn();
    expect(begun).toEqual([1, 2]);
  });
});
