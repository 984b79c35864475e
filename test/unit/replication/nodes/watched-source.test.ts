import { describe, expect, it } from 'vitest';
import type { BlobSource } from '../../../../src/replication/blob-source.ts';
import { WatchedSource } from '../../../../src/replication/nodes/watched-source.ts';
import { source } from './sample-call.ts';

function sourceThat(open: BlobSource['open']): WatchedSource {
  return new WatchedSource({ oid: source.oid, size: source.size, open });
}

describe('WatchedSource', () => {
  it('gives the same content each time', async () => {
    const watched = new WatchedSource(source);
    for (let time = 0; time < 2; time += 1) {
      expect(Buffer.concat(await Array.fromAsync(watched.open()))).toEqual(Buffer.from('some bytes of a blob'));
    }
    expect([watched.oid, watched.size]).toEqual([source.oid, source.size]);
  });

  it('knows whether its next chunk is waited for', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watched = sourceThat(async function* () {
      await promise;
      yield Buffer.from('a');
    });
    expect(watched.isAwaited).toBe(false);
    const chunks = watched.open()[Symbol.asyncIterator]();
    const first = chunks.next();
    expect(watched.isAwaited).toBe(true);
    resolve();
    await first;
    expect(watched.isAwaited).toBe(false);
    await chunks.next();
    expect(watched.isAwaited).toBe(false);
  });

  it('knows the error with which it broke off, until it is read again', async () => {
    const broken = new Error('the file has gone');
    let breaks = true;
    const watched = sourceThat(async function* () {
      yield Buffer.from('a');
      if (breaks) throw broken;
    });
    await expect(Array.fromAsync(watched.open())).rejects.toBe(broken);
    expect([watched.hasThrown(broken), watched.hasThrown(new Error('another'))]).toEqual([true, false]);
    breaks = false;
    await Array.fromAsync(watched.open());
    expect(watched.hasThrown(broken)).toBe(false);
  });

  it('frees the source when its reader leaves', async () => {
    let freed = false;
    const watched = sourceThat(async function* () {
      try {
        yield Buffer.from('a');
        yield Buffer.from('b');
      } finally {
        freed = true;
      }
    });
    for await (const _ of watched.open()) break;
    expect(freed).toBe(true);
  });
});
