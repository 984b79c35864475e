import { beforeEach, describe, expect, it } from 'vitest';
import { NodePause } from '../../../../src/replication/shared-cache/node-pause.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';

describe('NodePause', () => {
  let clock: ManualClock;
  let pause: NodePause;

  beforeEach(() => {
    clock = manualClock();
    pause = new NodePause({ clock, random: { next: () => 1, bytes: (length) => Buffer.alloc(length) } });
  });

  it('lets all calls through to a node that answers', () => {
    pause.begin();
    pause.begin();
    expect(pause.isOver).toBe(true);
  });

  it('keeps calls from a node for two seconds after its first failure, and longer after each further one', () => {
    for (const pauseMs of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      pause.failed();
      clock.advance(pauseMs - 1);
      expect(pause.isOver).toBe(false);
      clock.advance(1);
      expect(pause.isOver).toBe(true);
    }
  });

  it('lets one call through to try, until it has ended', () => {
    pause.failed();
    clock.advance(2_000);
    pause.begin();
    expect(pause.isOver).toBe(false);
    pause.answered();
    expect(pause.isOver).toBe(true);
    pause.failed();
    clock.advance(2_000);
    expect(pause.isOver).toBe(true);
  });

  it('lets the next call try when the caller of the first has left', () => {
    pause.failed();
    clock.advance(2_000);
    pause.begin();
    pause.ended();
    expect(pause.isOver).toBe(true);
    pause.begin();
    pause.failed();
    clock.advance(2_001);
    expect(pause.isOver).toBe(false);
  });
});
