import { describe, expect, it } from 'vitest';
import { getCacheStats } from '../../../../../src/node/frontend/rpc/get-cache-stats.ts';
import { sampleStats } from '../../../cli/fake-frontend.ts';
import { sampleCall, sampleControl } from '../sample-control.ts';

describe('GetCacheStats', () => {
  it('gives each count under its own name, in whole milliseconds', async () => {
    const { control, modules } = sampleControl();
    const names = Object.keys(sampleStats());
    control.counts = sampleStats(Object.fromEntries(names.map((name, index) => [name, index + 1])));
    control.counts = { ...control.counts, savedMs: 8.9 };
    const { nodeId, ...counts } = await getCacheStats(modules)({}, sampleCall());
    expect(nodeId).toBe('frontend-1');
    const numbers = Object.entries(counts).map(([name, value]) => [name, Number(value)]);
    expect(Object.fromEntries(numbers)).toEqual({ ...control.counts, savedMs: 8 });
  });
});
