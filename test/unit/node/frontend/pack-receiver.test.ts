import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packPath } from '../../../../src/node/frontend/bare-repository.ts';
import { receivePack } from '../../../../src/node/frontend/pack-receiver.ts';
import { gitOk, makePack } from './frontend-fixture.ts';
import { inChunks, prepareChecks } from './git-checks.ts';

let checks: Awaited<ReturnType<typeof prepareChecks>>;
beforeEach(async () => {
  checks = await prepareChecks();
});
afterEach(() => checks.remove());

const receive = (pack: AsyncIterable<Buffer>, extra: { packBytesMax?: number; signal?: AbortSignal } = {}) =>
  receivePack(checks.git, {
    path: checks.bare,
    pack,
    packBytesMax: 1_000_000,
    signal: checks.question.signal,
    fairKey: 'r',
    ...extra,
  });

describe('receivePack', () => {
  it('indexes a pack and counts its objects', async () => {
    const pack = await receive(inChunks(makePack(checks.work, ['HEAD'])));
    expect(pack.objectCount).toBe(9);
    for (const extension of ['pack', 'idx', 'rev'] as const) {
      expect(existsSync(packPath(checks.bare, pack.name, extension))).toBe(true);
    }
    expect(await gitOk(checks.bare, ['cat-file', '-t', await gitOk(checks.work, ['rev-parse', 'HEAD'])])).toBe(
      'commit',
    );
  });

  it('knows a pack that leads nowhere else, and one that does or that git had to complete', async () => {
    const whole = await receive(inChunks(makePack(checks.work, ['HEAD'])));
    expect(whole.isSelfContained).toBe(true);
    expect(await receive(inChunks(makePack(checks.work, ['HEAD', '^HEAD~1'])))).toMatchObject({
      isSelfContained: false,
    });
    const tail = Buffer.concat([makePack(checks.work, ['HEAD']), Buffer.from('tail')]);
    expect(await receive(inChunks(tail, 1_000_000))).toMatchObject({ isSelfContained: false, file: undefined });
  });

  it('takes an empty pack and a tail behind a pack', async () => {
    expect(await receive(inChunks(makePack(checks.work, [])))).toMatchObject({ objectCount: 0 });
    const tail = Buffer.concat([makePack(checks.work, ['HEAD']), Buffer.from('tail')]);
    expect(await receive(inChunks(tail, 1_000_000))).toMatchObject({ objectCount: 9 });
  });

  it.each([
    ['no pack at all', Buffer.from('this is no pack, and long enough to tell')],
    ['an empty stream', Buffer.alloc(0)],
  ])('refuses %s in words of git', async (_, bytes) => {
    await expect(receive(inChunks(bytes))).rejects.toMatchObject({
      code: 'PACK_INVALID',
      message: expect.stringMatching(/^index-pack failed: .+/),
    });
  });

  it('refuses a pack above the limit', async () => {
    await expect(receive(inChunks(makePack(checks.work, ['HEAD'])), { packBytesMax: 100 })).rejects.toMatchObject({
      code: 'PACK_INVALID',
      message: expect.stringContaining('exceeds maximum allowed size'),
    });
  });

  it('fails with the reason why the upload failed', async () => {
    const broken = (async function* () {
      yield makePack(checks.work, ['HEAD']).subarray(0, 50);
      throw new Error('the client went away');
    })();
    await expect(receive(broken)).rejects.toThrow('the client went away');
    expect(checks.git.running).toBe(0);
  });
});
