import { describe, expect, it } from 'vitest';
import { StepFeed } from '../../../../../src/node/frontend/maintenance/step-feed.ts';

const never = new AbortController().signal;

describe('StepFeed', () => {
  it('tells every follower all steps, also one that comes late', async () => {
    const feed = new StepFeed<number>();
    const early = Array.fromAsync(feed.follow(never));
    feed.push(1);
    feed.push(2);
    const middle = Array.fromAsync(feed.follow(never));
    feed.push(3);
    feed.end();
    expect(await early).toEqual([1, 2, 3]);
    expect(await middle).toEqual([1, 2, 3]);
    expect(await Array.fromAsync(feed.follow(never))).toEqual([1, 2, 3]);
  });

  it('tells the failure after the steps', async () => {
    const feed = new StepFeed<number>();
    const seen: number[] = [];
    const following = (async () => {
      for await (const step of feed.follow(never)) seen.push(step);
    })();
    feed.push(1);
    feed.end({ error: new Error('broken') });
    await expect(following).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });

  it('lets one follower leave without the others', async () => {
    const feed = new StepFeed<number>();
    const leaving = new AbortController();
    const left = Array.fromAsync(feed.follow(leaving.signal));
    const staying = Array.fromAsync(feed.follow(never));
    feed.push(1);
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    feed.end();
    expect(await staying).toEqual([1]);
  });
});
