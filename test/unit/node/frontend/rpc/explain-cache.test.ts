import { describe, expect, it } from 'vitest';
import { cloneDepthMax } from '../../../../../src/client/frontend-api.ts';
import { explainCache } from '../../../../../src/node/frontend/rpc/explain-cache.ts';
import { CacheVerdict } from '../../../../../src/rpc/gen/stratum/v1/frontend.ts';
import { sampleCall, sampleControl } from '../sample-control.ts';

describe('ExplainCache', () => {
  it.each([
    ['', 0, { ref: undefined, depth: 1 }],
    ['HEAD', 1, { ref: undefined, depth: 1 }],
    ['refs/heads/main', 50, { ref: 'refs/heads/main', depth: 50 }],
    ['refs/tags/v1', cloneDepthMax, { ref: 'refs/tags/v1', depth: cloneDepthMax }],
  ])('asks of ref "%s" at depth %i what it means', async (ref, depth, question) => {
    const { control, modules } = sampleControl();
    await explainCache(modules)({ repo: 'team/app.git', ref, depth }, sampleCall());
    expect(control.asked).toEqual([{ repo: 'team/app', ...question }]);
  });

  it('tells a miss without a key and without an entry', async () => {
    const { modules } = sampleControl();
    expect(await explainCache(modules)({ repo: 'team/app', ref: '', depth: 0 }, sampleCall())).toEqual({
      nodeId: 'frontend-1',
      verdict: CacheVerdict.MISS,
      reason: 'nobody asked for it yet',
      key: Buffer.alloc(0),
      ref: 'refs/heads/main',
      objectId: 'c'.repeat(40),
      size: 0n,
      storedAtMs: 0n,
      usedAtMs: 0n,
    });
  });

  it.each([
    ['hit', CacheVerdict.HIT],
    ['join', CacheVerdict.JOIN],
  ] as const)('tells a %s with its key and its entry', async (verdict, expected) => {
    const { control, modules } = sampleControl();
    const entry = { sizeBytes: 4_096, storedAtMs: 1_700_000_000_000.5, usedAtMs: 1_700_000_060_000 };
    control.explanation = { ...control.explanation, verdict, key: 'ab'.repeat(32), entry };
    const response = await explainCache(modules)({ repo: 'team/app', ref: '', depth: 0 }, sampleCall());
    expect(response).toMatchObject({ verdict: expected, key: Buffer.alloc(32, 0xab), size: 4_096n });
    expect(response).toMatchObject({ storedAtMs: 1_700_000_000_000n, usedAtMs: 1_700_000_060_000n });
  });

  it.each([
    ['a name that cannot be one', { repo: 'app', ref: '', depth: 0 }, 'INVALID_ARGUMENT'],
    ['a short ref', { repo: 'team/app', ref: 'main', depth: 0 }, 'REF_NAME_INVALID'],
    ['an absurd depth', { repo: 'team/app', ref: '', depth: cloneDepthMax + 1 }, 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_what, request, code) => {
    const { control, modules } = sampleControl();
    await expect(explainCache(modules)(request, sampleCall())).rejects.toMatchObject({ code });
    expect(control.asked).toEqual([]);
  });
});
