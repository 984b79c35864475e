import { describe, expect, it } from 'vitest';
import { nodeStats } from '../../../src/node/node-stats.ts';
import { manualClock } from '../base/manual-clock.ts';

describe('the figures of a heartbeat', () => {
  it('come from the roles that the process has', async () => {
    const clock = manualClock();
    const stats = nodeStats(
      {
        object: async () => ({ blobCount: 3, storedBytes: 1_000, freeBytes: 2_000 }),
        metadata: async () => ({ repoCount: 7n }),
        frontend: () => ({ gitRequests: 5, cacheHits: 2, cacheMisses: 1 }),
      },
      { clock },
    );
    clock.advance(1_500);
    expect(await stats()).toMatchObject({
      blobCount: 3n,
      storedBytes: 1_000n,
      freeBytes: 2_000n,
      repoCount: 7n,
      gitRequests: 5n,
      cacheHits: 2n,
      cacheMisses: 1n,
      uptimeMs: 1_500n,
    });
  });

  it('are zero for roles that it lacks', async () => {
    const { residentBytes, ...rest } = await nodeStats({}, { clock: manualClock() })();
    expect(residentBytes).toBeGreaterThan(0n);
    expect(new Set(Object.values(rest))).toEqual(new Set([0n]));
  });

  it('fail when a role’s own figures fail, instead of saying zero', async () => {
    const broken = nodeStats({ object: () => Promise.reject(new Error('statfs failed')) }, { clock: manualClock() });
    await expect(broken()).rejects.toThrow('statfs failed');
  });
});
