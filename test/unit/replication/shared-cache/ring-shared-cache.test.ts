import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { CacheNode } from '../../../../src/replication/shared-cache/cache-node.ts';
import { RingSharedCache } from '../../../../src/replication/shared-cache/ring-shared-cache.ts';
import { HashRing } from '../../../../src/topology/hash-ring.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { bytesOf, contentOf } from '../../store/sample-blobs.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { type MemoryCacheNode, memoryCacheNode, piecesOf, sharedContent } from './memory-cache-node.ts';

const key = '5e'.repeat(32);
const [first = '', second = ''] = HashRing.of(ringOf(healthy).ring).placement(Buffer.from(key, 'hex'));
const options = { ttlMs: 60_000, tag: 'repository' };
const content = contentOf(250_000);
const unreachable = new StratumError('UNREACHABLE', 'gone', { endpoint: 'x' });

/** A shared cache on three nodes in memory, of which some answer otherwise. */
function setUp(changes: Readonly<Record<string, Partial<Pick<CacheNode, 'get' | 'put'>>>> = {}, clock = manualClock()) {
  const byEndpoint = new Map<string, MemoryCacheNode>();
  const log = recordingLog();
  const cache = new RingSharedCache(
    {},
    {
      ...{ clock, log, topology: topologyOf(ringOf(healthy)) },
      random: { next: () => 1, bytes: (length) => Buffer.alloc(length) },
      connect: (endpoint) => {
        const node = memoryCacheNode(changes[endpoint.replace(':1', '')]);
        byEndpoint.set(endpoint.replace(':1', ''), node);
        return node;
      },
    },
  );
  const { signal } = new AbortController();
  const read = async (of = key) => {
    const entry = await cache.get(of, signal);
    return entry === undefined ? undefined : await bytesOf(entry.chunks);
  };
  const callsOf = (nodeId: string) => byEndpoint.get(nodeId)?.calls.map((call) => call.slice(0, 3)) ?? [];
  return { cache, clock, log, signal, read, callsOf, byEndpoint };
}

describe('RingSharedCache', () => {
  it('brings an entry to the first node of its placement, and asks that one alone for it', async () => {
    const { cache, signal, read, callsOf } = setUp();
    expect(await cache.put(key, sharedContent(content), options, signal)).toBe(true);
    expect((await read())?.equals(content)).toBe(true);
    expect([callsOf(first), callsOf(second)]).toEqual([['put', 'get'], []]);
    expect(cache.counters).toMatchObject({
      hits: 1,
      misses: 0,
      putsKept: 1,
      receivedBytes: 250_000,
      sentBytes: 250_000,
    });
  });

  it('asks the second node for what the first does not have, and no third', async () => {
    const { cache, read, callsOf, byEndpoint } = setUp();
    expect(await read()).toBeUndefined();
    expect([callsOf(first), callsOf(second)]).toEqual([['get'], ['get']]);
    byEndpoint.get(second)?.entries.set(key, content);
    expect((await read())?.equals(content)).toBe(true);
    expect(cache.counters).toMatchObject({ hits: 1, misses: 1 });
    expect([...byEndpoint.values()].flatMap(({ calls }) => calls)).toHaveLength(4);
  });

  it('leaves a node that has failed alone for a while, then lets one question try it', async () => {
    let isDown = true;
    const get: CacheNode['get'] = async () => {
      if (isDown) throw unreachable;
      return undefined;
    };
    const { cache, clock, read, callsOf } = setUp({ [first]: { get } });
    for (let round = 0; round < 5; round += 1) expect(await read()).toBeUndefined();
    expect(callsOf(first)).toEqual(['get']);
    expect(cache.counters).toMatchObject({ failures: 1, misses: 4 });
    isDown = false;
    clock.advance(2_000);
    await read();
    await read();
    expect(callsOf(first)).toEqual(['get', 'get', 'get']);
  });

  it('gives all nodes together one time limit for an answer, and no more to one that has been slow', async () => {
    const limits: number[] = [];
    const clock = manualClock();
    const slow: CacheNode['get'] = async (_, { timeoutMs }) => {
      limits.push(timeoutMs);
      clock.advance(timeoutMs);
      throw new StratumError('DEADLINE_EXCEEDED', 'slow', { endpoint: 'x' });
    };
    const missing: CacheNode['get'] = async (_, { timeoutMs }) => {
      limits.push(timeoutMs);
      return undefined;
    };
    const { read, callsOf } = setUp({ [first]: { get: slow }, [second]: { get: missing } }, clock);
    expect(await read()).toBeUndefined();
    expect([limits, callsOf(second)]).toEqual([[200], []]);
    await read();
    expect([limits, callsOf(first)]).toEqual([[200, 200], ['get']]);
  });

  it('does not ask where it is not worth it, but for one question in 32', async () => {
    const { cache, clock, read, callsOf } = setUp({
      [first]: {
        get: async () => {
          clock.advance(20);
          return undefined;
        },
      },
    });
    for (let round = 0; round < 200; round += 1) {
      await read();
      cache.noteComputed(30, 1_000);
    }
    const asked = callsOf(first).length;
    for (let round = 0; round < 64; round += 1) await read();
    expect(callsOf(first).length - asked).toBe(2);
    const { notAsked, misses, hits } = cache.counters;
    expect([notAsked + misses, hits]).toEqual([264, 0]);
  });

  it('rejects with the reason of its caller, who says nothing of the node', async () => {
    const ending = new AbortController();
    const get: CacheNode['get'] = (_, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const { cache, callsOf } = setUp({ [first]: { get } });
    const reading = cache.get(key, ending.signal);
    ending.abort(new Error('left'));
    await expect(reading).rejects.toThrow('left');
    await expect(cache.get(key, ending.signal)).rejects.toThrow('left');
    void cache.get(key, AbortSignal.any([]));
    await turn();
    expect(callsOf(first)).toEqual(['get', 'get']);
  });

  it('passes the failure of an entry on, and leaves its node alone', async () => {
    const broken = async function* () {
      yield content.subarray(0, 100);
      throw unreachable;
    };
    const { cache, read, callsOf } = setUp({
      [first]: { get: async () => ({ sizeBytes: content.length, chunks: broken() }) },
    });
    await expect(read()).rejects.toBe(unreachable);
    await read();
    expect(callsOf(first)).toEqual(['get']);
    expect(cache.counters).toMatchObject({ failures: 1, receivedBytes: 100 });
  });

  it('does not ask for a damaged entry again before ten minutes have passed, and goes on asking for others', async () => {
    const mismatch = new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: key, expected: '', got: '' });
    const damaged = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(mismatch) }) };
    const { cache, clock, log, read, callsOf } = setUp({
      [first]: { get: async (of) => (of === key ? { sizeBytes: 5, chunks: damaged } : undefined) },
    });
    await expect(read()).rejects.toBe(mismatch);
    expect(await read()).toBeUndefined();
    expect(cache.counters).toMatchObject({ failures: 1, notAsked: 1 });
    await read(`${key.slice(0, 62)}00`);
    expect(callsOf(first)).toEqual(['get', 'get']);
    clock.advance(600_000);
    await expect(read()).rejects.toBe(mismatch);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
  });

  it('counts an entry whose reader leaves as found, and as no failure', async () => {
    const { cache, signal, byEndpoint } = setUp();
    await cache.get(key, signal);
    byEndpoint.get(first)?.entries.set(key, content);
    const entry = await cache.get(key, signal);
    for await (const _ of entry?.chunks ?? []) break;
    expect(cache.counters).toMatchObject({ hits: 1, failures: 0, receivedBytes: 100_000 });
  });

  describe('of what is put', () => {
    it('sends two entries at once, lets 32 wait and drops those that come then', async () => {
      const going: (() => void)[] = [];
      let most = 0;
      let now = 0;
      const put: CacheNode['put'] = async () => {
        now += 1;
        most = Math.max(most, now);
        await new Promise<void>((resolve) => going.push(resolve));
        now -= 1;
        return true;
      };
      const { cache, signal } = setUp({ o1: { put }, o2: { put }, o3: { put } });
      const puts = Array.from({ length: 40 }, () => cache.put(key, sharedContent(content), options, signal));
      let settled = 0;
      for (const each of puts) void each.then(() => (settled += 1));
      while (settled < 40) {
        await turn();
        going.shift()?.();
      }
      expect(most).toBe(2);
      expect((await Promise.all(puts)).filter(Boolean)).toHaveLength(34);
      expect(cache.counters).toMatchObject({ putsKept: 34, putsDropped: 6 });
    });

    it('goes to the next node when the first cannot be reached', async () => {
      const { cache, signal, callsOf, byEndpoint } = setUp({
        [first]: {
          put: async () => {
            throw unreachable;
          },
        },
      });
      expect(await cache.put(key, sharedContent(content), options, signal)).toBe(true);
      expect([callsOf(first), callsOf(second)]).toEqual([['put'], ['put']]);
      expect(byEndpoint.get(second)?.entries.get(key)?.equals(content)).toBe(true);
      expect(cache.counters).toMatchObject({ putsKept: 1, putsFailed: 0 });
    });

    it.each([
      { what: 'is refused', put: async () => false, counted: { putsRefused: 1, putsKept: 0, sentBytes: 0 } },
      {
        what: 'cannot be read',
        put: async () => {
          throw new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: key, expected: '', got: '' });
        },
        counted: { putsFailed: 1, putsKept: 0 },
      },
    ])('goes to no other node when it $what', async ({ put, counted }) => {
      const { cache, signal, callsOf } = setUp({ [first]: { put } });
      expect(await cache.put(key, sharedContent(content), options, signal)).toBe(false);
      expect(callsOf(second)).toEqual([]);
      expect(cache.counters).toMatchObject(counted);
    });

    it('is read only when it is its turn', async () => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const { cache, signal } = setUp({ [first]: { put: () => promise } });
      let opened = 0;
      const read = () => {
        opened += 1;
        return piecesOf(content);
      };
      const puts = Array.from({ length: 3 }, () =>
        cache.put(key, { ...sharedContent(content), read }, options, signal),
      );
      await turn();
      expect(opened).toBe(0);
      resolve(true);
      await Promise.all(puts);
    });
  });
});
