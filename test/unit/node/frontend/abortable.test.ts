import { describe, expect, it } from 'vitest';
import { abortable } from '../../../../src/node/frontend/abortable.ts';

describe('abortable', () => {
  it('passes on what the shared work brings', async () => {
    expect(await abortable(Promise.resolve(1), undefined)).toBe(1);
    expect(await abortable(Promise.resolve(2), new AbortController().signal)).toBe(2);
    await expect(abortable(Promise.reject(new Error('no')), new AbortController().signal)).rejects.toThrow('no');
  });

  it('lets one caller leave while the others wait on', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const leaving = new AbortController();
    const left = abortable(promise, leaving.signal);
    const stays = abortable(promise, new AbortController().signal);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    resolve(3);
    expect(await stays).toBe(3);
  });

  it('rejects at once when the signal has aborted before', async () => {
    const never = new Promise<never>(() => undefined);
    await expect(abortable(never, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });
});
