import { describe, expect, it } from 'vitest';
import { warmCache } from '../../../../../src/node/frontend/rpc/warm-cache.ts';
import { sampleCall, sampleControl } from '../sample-control.ts';

describe('WarmCache', () => {
  it('has the response stored, and tells of which ref and how large it is', async () => {
    const { control, modules } = sampleControl();
    const request = { repo: 'team/app', ref: 'refs/heads/main', depth: 0 };
    expect(await warmCache(modules)(request, sampleCall())).toEqual({
      nodeId: 'frontend-1',
      wasStored: true,
      size: 4_096n,
      ref: 'refs/heads/main',
      objectId: 'c'.repeat(40),
    });
    expect(control.asked).toEqual([{ repo: 'team/app', ref: 'refs/heads/main', depth: 1 }]);
  });

  it('takes its reader away when the caller goes', async () => {
    const { control, modules } = sampleControl();
    const caller = new AbortController();
    await warmCache(modules)({ repo: 'team/app', ref: '', depth: 1 }, sampleCall({ signal: caller.signal }));
    caller.abort();
    expect(control.signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('refuses a ref that cannot be one', async () => {
    const { modules } = sampleControl();
    const request = { repo: 'team/app', ref: 'refs/heads/a..b', depth: 1 };
    await expect(warmCache(modules)(request, sampleCall())).rejects.toMatchObject({ code: 'REF_NAME_INVALID' });
  });
});
