import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf } from '../../../../../src/base/oid.ts';
import { KiB, MiB } from '../../../../../src/base/units.ts';
import type { PackCacheOptions, PackProducer } from '../../../../../src/node/frontend/pack-cache/pack-cache.ts';
import { contentOf, temporaryFolder } from '../../../store/sample-blobs.ts';
import { keyOf, openFilesIn, untilTrue } from '../../../store/sample-entries.ts';
import {
  openCache,
  producing,
  RecordingSink,
  type SampleCache,
  SampleReader,
  SteppedProducer,
  unwanted,
} from './sample-pack-cache.ts';

let temporary: { path: string; remove: () => Promise<void> };
let sample: SampleCache;

const opened = async (options: Partial<PackCacheOptions> = {}) => {
  sample = await openCache({ path: temporary.path, ...options });
};
beforeEach(async () => {
  temporary = await temporaryFolder();
  await opened();
});
afterEach(async () => {
  await sample.cache.stop();
  await untilTrue(() => openFilesIn(temporary.path).length === 0);
  await temporary.remove();
});

const key = keyOf(1);
const read = (produce: PackProducer, isPaused = false) => new SampleReader(sample.cache, { key, produce }, isPaused);
/** Serves one whole request. */
const served = async (produce: PackProducer) => {
  const reader = read(produce);
  return { ...(await reader.served), id: oidOf(reader.sink.content), begun: reader.sink.begun };
};
const entryStored = () => untilTrue(() => sample.stored.length > 0);
/** Waits until nothing is being made, and nothing half made is on the disk. */
const settled = () =>
  untilTrue(
    () => sample.cache.stats.producing === 0 && !readdirSync(temporary.path).some((name) => name.startsWith('.')),
  );

describe('a response of the pack cache', () => {
  it.each([0, 1, 100, 180 * KiB, 3 * MiB + 5])('has the same %s bytes as a miss, a join and a hit', async (bytes) => {
    const content = contentOf(bytes);
    const producer = new SteppedProducer();
    const [first, second] = [read(producer.produce), read(unwanted)];
    for (let at = 0; at < bytes; at += 64 * KiB) await producer.write(content.subarray(at, at + 64 * KiB));
    producer.end();
    expect(await Promise.all([first.served, second.served])).toMatchObject([
      { outcome: 'miss', bytes },
      { outcome: 'join', bytes },
    ]);
    await entryStored();
    for (let hit = 0; hit < 4; hit += 1) {
      expect(await served(unwanted)).toMatchObject({ outcome: 'hit', bytes, id: oidOf(content), begun: [bytes] });
      await untilTrue(() => hit === 0 || bytes === 0 || sample.cache.stats.memoryEntries === 1);
    }
    expect([first.sink.content, second.sink.content].map(oidOf)).toEqual([oidOf(content), oidOf(content)]);
    expect(sample.cache.stats).toMatchObject({ hits: 4, joins: 1, misses: 1, hitBytes: 4 * bytes, readers: 0 });
    expect(sample.cache.stats.memoryBytes).toBe(bytes);
  });

  it('is followed while it grows by a reader that comes late', async () => {
    const producer = new SteppedProducer();
    const first = read(producer.produce);
    await producer.write(contentOf(700 * KiB, 1));
    await first.sink.received(700 * KiB);
    const late = read(unwanted);
    await late.sink.received(700 * KiB);
    await producer.write(contentOf(10, 2));
    await late.sink.received(700 * KiB + 10);
    producer.end();
    expect(await late.served).toMatchObject({ outcome: 'join', bytes: 700 * KiB + 10 });
    await first.served;
    expect(oidOf(late.sink.content)).toBe(oidOf(Buffer.concat([contentOf(700 * KiB, 1), contentOf(10, 2)])));
  });

  it('is made once for two requests of the same moment', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(producer.produce), read(producer.produce)];
    await producer.write(contentOf(10));
    producer.end();
    const outcomes = (await Promise.all(readers.map((reader) => reader.served))).map(({ outcome }) => outcome);
    expect([producer.starts, outcomes]).toEqual([1, ['miss', 'join', 'join']]);
  });

  it('goes on when its first reader leaves', async () => {
    const producer = new SteppedProducer();
    const [first, second] = [read(producer.produce), read(unwanted)];
    await producer.write(contentOf(100, 1));
    first.leave();
    await expect(first.served).rejects.toThrow('the client went away');
    await producer.write(contentOf(100, 2));
    producer.end();
    await second.served;
    expect(oidOf(second.sink.content)).toBe(oidOf(Buffer.concat([contentOf(100, 1), contentOf(100, 2)])));
    await entryStored();
  });

  it('is given up when its last reader leaves, and made anew for the next', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    await producer.write(contentOf(100));
    for (const reader of readers) reader.leave();
    for (const reader of readers) await expect(reader.served).rejects.toThrow('the client went away');
    const next = read(producing(contentOf(50)));
    expect(producer.isAborted).toBe(true);
    expect(await next.served).toMatchObject({ outcome: 'miss', bytes: 50 });
    expect(oidOf(next.sink.content)).toBe(oidOf(contentOf(50)));
  });

  it('fails every reader when its producer fails before the first byte, none of whom has begun', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    const failure = new Error('no such object');
    producer.fail(failure);
    for (const { served: answer, sink } of readers) {
      await expect(answer).rejects.toBe(failure);
      expect(sink.begun).toEqual([]);
    }
    expect(await served(producing(contentOf(5)))).toMatchObject({ outcome: 'miss', bytes: 5 });
  });

  it('breaks every reader when its producer fails after the first byte, and is not stored', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    await producer.write(contentOf(100));
    for (const { sink } of readers) await sink.received(100);
    producer.fail(new Error('git died'));
    for (const { served: answer } of readers) await expect(answer).rejects.toThrow('git died');
    await settled();
    expect([sample.cache.explain(key).verdict, sample.stored]).toEqual(['miss', []]);
  });

  it('never ends well when its producer returns after it was told to end', async () => {
    const output = Promise.withResolvers<void>();
    const first = read(async (sink) => {
      await sink.write(contentOf(10));
      await output.promise;
      return 'keep';
    });
    await first.sink.received(10);
    first.leave();
    output.resolve();
    await expect(first.served).rejects.toThrow('the client went away');
    expect(await served(producing(contentOf(20)))).toMatchObject({ outcome: 'miss', bytes: 20 });
  });

  it('is stored and given to others while a slow reader still has its first bytes', async () => {
    const content = contentOf(5 * MiB);
    const slow = read(producing(content), true);
    const quick = read(unwanted);
    expect(await quick.served).toMatchObject({ bytes: 5 * MiB });
    await entryStored();
    expect(await served(unwanted)).toMatchObject({ outcome: 'hit', id: oidOf(content) });
    expect(slow.sink.bytes).toBeLessThan(MiB);
    slow.sink.resume();
    expect(await slow.served).toMatchObject({ outcome: 'miss', bytes: 5 * MiB });
    expect(oidOf(slow.sink.content)).toBe(oidOf(content));
  });

  it('hands a slow reader no more than it takes', async () => {
    const content = contentOf(6 * MiB);
    await sample.cache.prepare({ key, tag: 'r', produce: producing(content) }, new AbortController().signal);
    const slow = read(unwanted, true);
    await slow.sink.received(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect([slow.sink.bytes, slow.sink.begun]).toEqual([MiB, [6 * MiB]]);
    slow.leave();
    await expect(slow.served).rejects.toThrow('the client went away');
  });

  it('keeps nobody who has gone waiting for a sink that never answers', async () => {
    const slow = read(producing(contentOf(100)), true);
    await slow.sink.received(100);
    slow.leave();
    await expect(slow.served).rejects.toThrow('the client went away');
    await settled();
  });

  it('fails its reader alone when the sink fails', async () => {
    const producer = new SteppedProducer();
    const broken = new RecordingSink();
    broken.write = () => Promise.reject(new Error('broken pipe'));
    const answer = sample.cache.serve(
      { key, tag: 'r', produce: producer.produce },
      broken,
      new AbortController().signal,
    );
    const other = read(unwanted);
    await producer.write(contentOf(10));
    await expect(answer).rejects.toThrow('broken pipe');
    producer.end();
    expect(await other.served).toMatchObject({ bytes: 10 });
  });
});

describe('the pack cache', () => {
  it('stores from the second request on', async () => {
    expect(sample.cache.explain(key)).toMatchObject({
      verdict: 'miss',
      reason: expect.stringContaining('not asked for'),
    });
    expect(await served(producing(contentOf(10)))).toMatchObject({ outcome: 'miss' });
    await settled();
    expect(readdirSync(temporary.path)).toEqual([]);
    expect(sample.cache.explain(key)).toMatchObject({
      verdict: 'miss',
      reason: expect.stringContaining('next request'),
    });
    expect(await served(producing(contentOf(10)))).toMatchObject({ outcome: 'miss' });
    await entryStored();
    expect(await served(unwanted)).toMatchObject({ outcome: 'hit' });
    expect(sample.cache.explain(key)).toMatchObject({ verdict: 'hit', entry: { sizeBytes: 10, tag: 'repository' } });
  });

  it('stores at the first request what its producer knows to be wanted again', async () => {
    const produce: PackProducer = async (output) => {
      await output.write(contentOf(10));
      return 'keep-now';
    };
    expect(await served(produce)).toMatchObject({ outcome: 'miss' });
    await entryStored();
  });

  it('stores at the first request what is to be stored now', async () => {
    await new SampleReader(sample.cache, { key, produce: producing(contentOf(10)), admit: 'now' }).served;
    await entryStored();
  });

  it('gives a response that has just been made to who comes while its first reader still reads', async () => {
    const slow = read(producing(contentOf(10)), true);
    await slow.sink.received(10);
    await untilTrue(() => sample.cache.explain(key).verdict === 'hit');
    expect(await served(unwanted)).toMatchObject({ outcome: 'hit', id: oidOf(contentOf(10)), begun: [10] });
    await entryStored();
    slow.sink.resume();
    await slow.served;
  });

  it('never stores an answer that is only for those who wait for it', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    await producer.write(contentOf(10));
    producer.end('answer-only');
    for (const { served: answer } of readers) expect(await answer).toMatchObject({ bytes: 10 });
    await settled();
    expect([sample.cache.explain(key).verdict, readdirSync(temporary.path)]).toEqual(['miss', []]);
  });

  it('says what making took as saved by those who join and hit', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    await producer.write(contentOf(10));
    sample.clock.advance(2_500);
    producer.end();
    expect((await Promise.all(readers.map((reader) => reader.served))).map(({ savedMs }) => savedMs)).toEqual([
      0, 2_500,
    ]);
    await entryStored();
    expect(await served(unwanted)).toMatchObject({ savedMs: 2_500 });
    expect(sample.cache.stats.savedMs).toBe(5_000);
  });

  it('prepares a response that nobody reads', async () => {
    const prepare = (produce: PackProducer, signal = new AbortController().signal) =>
      sample.cache.prepare({ key, tag: 'r', produce }, signal);
    expect(await prepare(producing(contentOf(10), 1, 'answer-only'))).toEqual({
      wasStored: false,
      isStored: false,
      bytes: 10,
    });
    expect(await prepare(producing(contentOf(20)))).toEqual({ wasStored: false, isStored: true, bytes: 20 });
    expect(await prepare(unwanted)).toEqual({ wasStored: true, isStored: true, bytes: 20 });
    expect(await served(unwanted)).toMatchObject({ outcome: 'hit', id: oidOf(contentOf(20)) });
    await sample.cache.purge({});
    await expect(prepare(() => Promise.reject(new Error('git died')))).rejects.toThrow('git died');
    const [producer, gone] = [new SteppedProducer(), new AbortController()];
    const preparing = prepare(producer.produce, gone.signal);
    await producer.write(contentOf(1));
    gone.abort(new Error('no more'));
    await expect(preparing).rejects.toThrow('no more');
    expect(producer.isAborted).toBe(true);
  });

  it('keeps what is prepared going for a reader who joined, and the other way round', async () => {
    const [producer, gone] = [new SteppedProducer(), new AbortController()];
    const preparing = sample.cache.prepare({ key, tag: 'r', produce: producer.produce }, gone.signal);
    const joined = read(unwanted);
    await producer.write(contentOf(10));
    gone.abort(new Error('no more'));
    await expect(preparing).rejects.toThrow('no more');
    const again = sample.cache.prepare({ key, tag: 'r', produce: unwanted }, new AbortController().signal);
    await joined.sink.received(10);
    joined.leave();
    await expect(joined.served).rejects.toThrow('the client went away');
    producer.end();
    expect(await again).toEqual({ wasStored: false, isStored: true, bytes: 10 });
  });

  it('reads what is stored for those who pass it on', async () => {
    await expect(Array.fromAsync(sample.cache.read(key))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const content = contentOf(3 * MiB);
    await sample.cache.prepare({ key, tag: 'r', produce: producing(content) }, new AbortController().signal);
    expect(oidOf(Buffer.concat(await Array.fromAsync(sample.cache.read(key))))).toBe(oidOf(content));
    for await (const _ of sample.cache.read(key)) break;
  });

  it('drops entries of a repository, or all, while they are read', async () => {
    const never = new AbortController().signal;
    const content = contentOf(3 * MiB);
    for (const number of [1, 2, 3]) {
      const produce = producing(content);
      await sample.cache.prepare({ key: keyOf(number), tag: `r${number % 2}`, produce }, never);
    }
    const slow = read(unwanted, true);
    await slow.sink.received(1);
    const dropped = { entries: 2, bytes: 6 * MiB };
    expect(await sample.cache.purge({ tag: 'r1', dryRun: true })).toEqual(dropped);
    expect(sample.cache.stats.entries).toBe(3);
    expect(await sample.cache.purge({ tag: 'r1' })).toEqual(dropped);
    expect([sample.cache.explain(key).verdict, readdirSync(temporary.path).length]).toEqual(['miss', 1]);
    slow.sink.resume();
    expect(await slow.served).toMatchObject({ outcome: 'hit' });
    expect(oidOf(slow.sink.content)).toBe(oidOf(content));
    expect(await sample.cache.purge({})).toEqual({ entries: 1, bytes: 3 * MiB });
  });

  it('drops copies in memory, and what is being made, with the entries', async () => {
    await sample.cache.prepare({ key, tag: 'r', produce: producing(contentOf(10)) }, new AbortController().signal);
    for (let hit = 0; hit < 2; hit += 1) await served(unwanted);
    await untilTrue(() => sample.cache.stats.memoryEntries === 1);
    const producer = new SteppedProducer();
    const readers = [1, 2].map(() => new SampleReader(sample.cache, { key: keyOf(2), produce: producer.produce }));
    await producer.write(contentOf(10, 2));
    await sample.cache.purge({});
    expect(sample.cache.stats).toMatchObject({ memoryEntries: 0, entries: 0, producing: 0 });
    expect(await served(producing(contentOf(10, 3)))).toMatchObject({ outcome: 'miss', id: oidOf(contentOf(10, 3)) });
    producer.end();
    for (const reader of readers) expect(await reader.served).toMatchObject({ bytes: 10 });
    expect(sample.cache.explain(keyOf(2)).verdict).toBe('miss');
  });

  it('does not store what was to be dropped while it was put on disk', async () => {
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    producer.end();
    await untilTrue(() => sample.cache.explain(key).verdict === 'hit');
    await sample.cache.purge({});
    for (const reader of readers) expect(await reader.served).toMatchObject({ bytes: 0 });
    expect(sample.cache.explain(key).verdict).toBe('miss');
    await untilTrue(() => readdirSync(temporary.path).length === 0);
    expect(sample.cache.explain(key).verdict).toBe('miss');
  });

  it('keeps copies in memory within their bound, the last used ones', async () => {
    await sample.cache.stop();
    await opened({ memoryBytesMax: 250 });
    for (const number of [1, 2, 3]) {
      const request = { key: keyOf(number), tag: 'r', produce: producing(contentOf(100, number)) };
      await sample.cache.prepare(request, new AbortController().signal);
      for (let hit = 0; hit < 2; hit += 1)
        await new SampleReader(sample.cache, { ...request, produce: unwanted }).served;
      await untilTrue(() => sample.cache.explain(keyOf(number)).reason.includes('memory'));
    }
    expect(sample.cache.stats).toMatchObject({ memoryEntries: 2, memoryBytes: 200 });
    expect(sample.cache.explain(key).reason).not.toContain('memory');
    expect(await served(unwanted)).toMatchObject({ id: oidOf(contentOf(100, 1)) });
  });

  it('keeps its entries over a restart', async () => {
    await sample.cache.prepare({ key, tag: 'r', produce: producing(contentOf(100)) }, new AbortController().signal);
    await sample.cache.stop();
    await opened();
    expect(await served(unwanted)).toMatchObject({ outcome: 'hit', id: oidOf(contentOf(100)) });
  });

  it('breaks its readers when it stops, and serves nobody afterwards', async () => {
    const producer = new SteppedProducer();
    const reader = read(producer.produce);
    await producer.write(contentOf(10));
    await reader.sink.received(10);
    await sample.cache.stop();
    await expect(reader.served).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(producer.isAborted).toBe(true);
    await expect(read(unwanted).served).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
