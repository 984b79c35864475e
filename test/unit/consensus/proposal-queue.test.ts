import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { ProposalQueue } from '../../../src/consensus/proposal-queue.ts';

describe('ProposalQueue', () => {
  it('runs one after the other, in order, also past one that fails', async () => {
    const queue = new ProposalQueue();
    const steps: string[] = [];
    const work = (name: string, fails = false) =>
      queue.run(async () => {
        steps.push(`${name} begins`);
        await Promise.resolve();
        steps.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const outcomes = await Promise.allSettled([work('a'), work('b', true), work('c')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('refuses what is over its bound, and takes more when there is room again', async () => {
    const queue = new ProposalQueue({ proposalsMax: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = queue.run(() => promise);
    await expect(queue.run(() => Promise.resolve())).rejects.toSatisfy((error) => hasCode(error, 'OVERLOADED'));
    resolve();
    await first;
    await queue.idle();
    await expect(queue.run(() => Promise.resolve(1))).resolves.toBe(1);
  });
});
