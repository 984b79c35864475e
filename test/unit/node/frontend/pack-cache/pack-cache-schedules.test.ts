import { existsSync, readdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GiB, KiB } from '../../../../../src/base/units.ts';
import { contentOf, temporaryFolder } from '../../../store/sample-blobs.ts';
import { keyOf, openFilesIn, sayingDisk, untilTrue } from '../../../store/sample-entries.ts';
import { openCache, type SampleCache, SampleReader, SteppedProducer } from './sample-pack-cache.ts';

const keys = 3;

/** One producer that was started or may be: what it has written tells it from every other. */
class ModelProducer {
  readonly stepped = new SteppedProducer();
  readonly key: number;
  readonly seed: number;
  readonly chunks: Buffer[] = [];
  end: 'ended' | 'failed' | undefined;
  writes: Promise<void> = Promise.resolve();

  constructor(key: number, seed: number) {
    this.key = key;
    this.seed = seed;
  }

  get isRunning(): boolean {
    return this.stepped.starts > 0 && this.end === undefined && !this.stepped.isAborted;
  }

  /** Not awaited by the schedule: without a file it lasts until the slowest reader has come. */
  write(bytes: number): void {
    const chunk = contentOf(bytes, this.seed * 50 + this.chunks.length);
    chunk.writeUInt32BE(this.seed, 0);
    this.chunks.push(chunk);
    this.writes = this.writes.then(() => this.stepped.write(chunk)).catch(() => undefined); // Nobody wants it any more.
  }

  finish(end: 'ended' | 'failed'): void {
    this.end = end;
    void this.writes.then(() => {
      if (end === 'ended') this.stepped.end();
      else this.stepped.fail(new Error('git died'));
    });
  }

  get content(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

interface ModelReader {
  readonly key: number;
  readonly reader: SampleReader;
  hasLeft: boolean;
}

type Step =
  | { readonly kind: 'request'; readonly key: number; readonly isPaused: boolean }
  | { readonly kind: 'write'; readonly pick: number; readonly bytes: number }
  | { readonly kind: 'finish'; readonly pick: number; readonly end: 'ended' | 'failed' }
  | { readonly kind: 'leave' | 'resume'; readonly pick: number }
  | { readonly kind: 'purge'; readonly key: number }
  | { readonly kind: 'disk'; readonly freeBytes: number }
  | { readonly kind: 'delete folder' }
  | { readonly kind: 'rest' };

const pick = fc.nat(20);
const key = fc.nat(keys - 1);
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('request'), key, isPaused: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('write'), pick, bytes: fc.constantFrom(10, 3_000, 300 * KiB, 700 * KiB) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('finish'), pick, end: fc.constantFrom('ended', 'ended', 'failed') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('leave', 'resume'), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge'), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disk'), freeBytes: fc.constantFrom(0, GiB) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete folder') }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('rest') }) },
) as fc.Arbitrary<Step>;

class Schedule {
  readonly #sample: SampleCache;
  readonly #disk: ReturnType<typeof sayingDisk>;
  readonly #path: string;
  readonly #producers: ModelProducer[] = [];
  readonly #readers: ModelReader[] = [];
  /** Keys of which a second producer may run, because nobody may join the first. */
  readonly #disturbed = new Set<number>();

  constructor(sample: SampleCache, disk: ReturnType<typeof sayingDisk>, path: string) {
    this.#sample = sample;
    this.#disk = disk;
    this.#path = path;
  }

  async play(step: Step): Promise<void> {
    const running = this.#producers.filter(({ isRunning }) => isRunning);
    const producer = 'pick' in step ? running[step.pick % Math.max(1, running.length)] : undefined;
    const reader = 'pick' in step ? this.#readers[step.pick % Math.max(1, this.#readers.length)] : undefined;
    if (step.kind === 'request') this.#request(step.key, step.isPaused);
    if (step.kind === 'write') producer?.write(step.bytes);
    if (step.kind === 'finish') producer?.finish(step.end);
    if (step.kind === 'resume') reader?.reader.sink.resume();
    if (step.kind === 'leave' && reader !== undefined) {
      reader.hasLeft = true;
      reader.reader.leave();
    }
    if (step.kind === 'disk') {
      this.#disk.freeBytes = step.freeBytes;
      for (let key = 0; key < keys; key += 1) this.#disturbed.add(key);
    }
    if (step.kind === 'purge') {
      this.#disturbed.add(step.key);
      await this.#sample.cache.purge({ tag: `r${step.key}` });
    }
    if (step.kind === 'delete folder') await this.#deleteFolder();
    if (step.kind === 'rest')
      for (let turns = 0; turns < 4; turns += 1) await new Promise((done) => setImmediate(done));
    this.#checkNow();
  }

  async end(): Promise<void> {
    for (const { reader } of this.#readers) reader.sink.resume();
    // A producer may only be started after the step that ended all others.
    while (this.#sample.cache.stats.readers > 0) {
      for (const producer of this.#producers) if (producer.isRunning) producer.finish('ended');
      await new Promise((done) => setImmediate(done));
    }
    for (const reader of this.#readers) await this.#checkReader(reader);
    const left = () => readdirSync(this.#path).filter((name) => name.startsWith('.'));
    await this.#sample.cache
      .prepare({ key: keyOf(99), tag: 'last', produce: async () => 'keep' }, AbortSignal.any([]))
      .catch(
        () => undefined, // The disk may still be full.
      );
    await untilTrue(() => this.#sample.cache.stats.producing === 0 && left().length === 0);
    for (let key = 0; key < keys; key += 1) await this.#checkStored(key);
    await this.#sample.cache.stop();
    await untilTrue(() => openFilesIn(this.#path).length === 0);
  }

  /** Moved away, which is one step: deleting it would meet files that are being made. */
  async #deleteFolder(): Promise<void> {
    if (!existsSync(this.#path)) return;
    await rename(this.#path, `${this.#path}-${this.#producers.length}-${readdirSync(dirname(this.#path)).length}`);
  }

  #request(key: number, isPaused: boolean): void {
    const producer = new ModelProducer(key, this.#producers.length + 1);
    this.#producers.push(producer);
    const { produce } = producer.stepped;
    const reader = new SampleReader(this.#sample.cache, { key: keyOf(key), tag: `r${key}`, produce }, isPaused);
    this.#readers.push({ key, reader, hasLeft: false });
  }

  /** At any moment: one producer for a key, and no byte that none of the key's producers wrote. */
  #checkNow(): void {
    for (let key = 0; key < keys; key += 1) {
      const running = this.#producers.filter((producer) => producer.key === key && producer.isRunning);
      if (!this.#disturbed.has(key)) expect(running.length).toBeLessThanOrEqual(1);
    }
    for (const { key, reader } of this.#readers) {
      const { content } = reader.sink;
      const origin = this.#originsOf(key).find((whole) => whole.subarray(0, content.length).equals(content));
      expect(origin === undefined).toBe(false);
    }
  }

  async #checkReader({ key, reader, hasLeft }: ModelReader): Promise<void> {
    const answer = await reader.served.catch((error: unknown) => error);
    const { content, begun } = reader.sink;
    if (answer instanceof Error) {
      expect(hasLeft || answer.message === 'git died').toBe(true);
      return;
    }
    expect(answer).toMatchObject({ bytes: content.length });
    expect([undefined, content.length]).toContain(begun[0]);
    const whole = this.#originsOf(key, 'ended').some((origin) => origin.equals(content));
    expect(whole).toBe(true);
  }

  async #checkStored(key: number): Promise<void> {
    if (this.#sample.cache.explain(keyOf(key)).entry === undefined) return;
    try {
      const content = Buffer.concat(await Array.fromAsync(this.#sample.cache.read(keyOf(key))));
      expect(this.#originsOf(key, 'ended').some((origin) => origin.equals(content))).toBe(true);
    } catch (error) {
      expect(error).toMatchObject({ code: 'NOT_FOUND' }); // The folder was deleted.
    }
  }

  #originsOf(key: number, end?: 'ended'): Buffer[] {
    const producers = this.#producers.filter((producer) => producer.key === key);
    return producers.filter((producer) => end === undefined || producer.end === end).map(({ content }) => content);
  }
}

describe('a pack cache under any schedule of requests, departures, failures, purges and full disks', () => {
  it('gives every reader one producer’s bytes, whole or broken, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 60 }), async (schedule) => {
        const temporary = await temporaryFolder();
        const disk = sayingDisk(GiB);
        const bounds = {
          path: `${temporary.path}/packs`,
          bytesMax: 4_000 * KiB,
          freeBytesMin: 1,
          memoryBytesMax: 500 * KiB,
        };
        try {
          const sample = await openCache(bounds, { measureDisk: disk.measureDisk });
          const played = new Schedule(sample, disk, bounds.path);
          for (const step of schedule) await played.play(step);
          await played.end();
        } finally {
          await temporary.remove();
        }
      }),
      { numRuns: 40 },
    );
  });
});
