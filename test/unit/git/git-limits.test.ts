import { describe, expect, it } from 'vitest';
import { GiB } from '../../../src/base/units.ts';
import { gitLimitConfig } from '../../../src/git/git-limits.ts';

describe('gitLimitConfig', () => {
  it.each([
    [1, 1],
    [2, 2],
    [64, 4],
  ])('on %i cores gives a process %i threads, and all that it holds stays within a GiB', (cores, threads) => {
    const limits = new Map(gitLimitConfig({ cores }));
    const bytes = (key: string) => Number(limits.get(key));
    expect(bytes('pack.threads')).toBe(threads);
    const shared = bytes('pack.deltaCacheSize') + bytes('core.packedGitLimit') + bytes('core.deltaBaseCacheLimit');
    expect(shared + threads * bytes('pack.windowMemory')).toBeLessThanOrEqual(GiB);
    for (const [, value] of limits) expect(value).toMatch(/^\d+$/);
  });
});
