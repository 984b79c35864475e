import { describe, expect, it } from 'vitest';
import { Announcement } from '../../../src/node/announcement.ts';

describe('Announcement', () => {
  it('goes to who can make it, and is let go while nobody can', () => {
    const announcement = new Announcement();
    announcement.make();
    let made = 0;
    announcement.madeBy(() => {
      made += 1;
    });
    expect(made).toBe(0);
    announcement.make();
    expect(made).toBe(1);
  });
});
