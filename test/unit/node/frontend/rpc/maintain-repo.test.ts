import { describe, expect, it } from 'vitest';
import { maintainRepo } from '../../../../../src/node/frontend/rpc/maintain-repo.ts';
import { sampleProgress } from '../../../cli/fake-frontend.ts';
import { sampleCall, sampleControl } from '../sample-control.ts';

const request = { repo: 'team/app', full: true, dryRun: false };

describe('MaintainRepo', () => {
  it('gives a message a step, the last with what came of it', async () => {
    const { control, modules } = sampleControl();
    const counts = { packsBefore: 60, packsAfter: 1, bytesBefore: 9_000, bytesAfter: 7_000 };
    control.steps = [
      sampleProgress('repack', { text: '60 packs' }),
      sampleProgress('done', { ...counts, changed: true }),
    ];
    const messages = await Array.fromAsync(maintainRepo(modules)(request, sampleCall()));
    const sizes = { bytesBefore: 9_000n, bytesAfter: 7_000n };
    expect(messages).toEqual([
      expect.objectContaining({ nodeId: 'frontend-1', step: 'repack', text: '60 packs', done: false, changed: false }),
      expect.objectContaining({ step: 'done', ...counts, ...sizes, done: true, changed: true }),
    ]);
    expect(control.asked).toEqual([request]);
  });

  it('ends without a last message when the process ends', async () => {
    const { control, modules } = sampleControl();
    const ending = new AbortController();
    let steps = 0;
    control.beforeStep = () => {
      steps += 1;
      return steps === 1 ? Promise.resolve() : new Promise(() => undefined);
    };
    const seen: string[] = [];
    for await (const { step } of maintainRepo(modules)(request, sampleCall({ ending: ending.signal }))) {
      seen.push(step);
      ending.abort();
    }
    expect(seen).toEqual(['lease']);
  });

  it('refuses a name that cannot be one', async () => {
    const { control, modules } = sampleControl();
    const messages = Array.fromAsync(maintainRepo(modules)({ ...request, repo: 'app' }, sampleCall()));
    await expect(messages).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(control.asked).toEqual([]);
  });
});
