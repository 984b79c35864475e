import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import type { DuplexHandler } from '../../../src/rpc/handlers.ts';
import type { ServiceObserver } from '../../../src/rpc/observed-service.ts';
import { observedStream } from '../../../src/rpc/observed-stream.ts';

const full = new StratumError('DISK_FULL', 'full', { what: 'disk', limit: 1n });

function observed(handler: DuplexHandler<number, number>) {
  const told: string[] = [];
  const observer: ServiceObserver = {
    serving: ({ method, isBidirectional, traceparent }) => {
      told.push(`${method} ${isBidirectional ? 'both ways' : 'one way'} ${traceparent ?? 'untraced'}`);
      return { answered: () => told.push('answered'), ended: (code) => told.push(code) };
    },
  };
  return { told, handler: observedStream('GetBlobs', handler, [observer]) };
}

async function* two() {
  yield* [1, 2];
}

const echo: DuplexHandler<number, number> = async function* (requests) {
  yield* requests;
};
const stays = () => ({ signal: new AbortController().signal, peer: '' });

describe('observedStream', () => {
  it('tells of each answer, and of the end in good order', async () => {
    const { told, handler } = observed(echo);
    expect(await Array.fromAsync(handler(two(), stays()))).toEqual([1, 2]);
    expect(told).toEqual(['GetBlobs both ways untraced', 'answered', 'answered', 'OK']);
  });

  it('tells of the error that ends it, and passes it on', async () => {
    const { told, handler } = observed(async function* () {
      yield 1;
      throw full;
    });
    await expect(Array.fromAsync(handler(two(), stays()))).rejects.toBe(full);
    expect(told.slice(1)).toEqual(['answered', 'DISK_FULL']);
  });

  it.each(['ends', 'throws'] as const)(
    'calls it cancelled when the caller has gone and the handler %s',
    async (how) => {
      const gone = new AbortController();
      const { told, handler } = observed(async function* () {
        yield 1;
        gone.abort(new Error('gone'));
        if (how === 'throws') throw full;
      });
      await Array.fromAsync(handler(two(), { signal: gone.signal, peer: '' })).catch(() => undefined);
      expect(told.slice(1)).toEqual(['answered', 'CANCELLED']);
    },
  );

  it('calls it cancelled when answers are left unread', async () => {
    const { told, handler } = observed(echo);
    for await (const _ of handler(two(), stays())) break;
    expect(told.slice(1)).toEqual(['answered', 'CANCELLED']);
  });

  it('is the handler itself when nobody observes', () => {
    expect(observedStream('GetBlobs', echo, [])).toBe(echo);
  });
});
