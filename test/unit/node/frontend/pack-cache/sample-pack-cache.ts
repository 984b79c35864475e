import { systemRandom } from '../../../../../src/base/random.ts';
import { GiB, MiB } from '../../../../../src/base/units.ts';
import {
  type ByteSink,
  PackCache,
  type PackCacheOptions,
  type PackOutput,
  type PackProducer,
  type Served,
} from '../../../../../src/node/frontend/pack-cache/pack-cache.ts';
import type { MeasureDisk } from '../../../../../src/store/disk-space.ts';
import type { StoredEntry } from '../../../../../src/store/stored-entry.ts';
import { type ManualClock, manualClock } from '../../../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../../../base/recording-log.ts';

/** A pack cache, with what it was given and what it told. */
export interface SampleCache {
  readonly cache: PackCache;
  readonly clock: ManualClock;
  readonly log: RecordingLog;
  readonly stored: StoredEntry[];
}

/** An open cache with bounds that nothing reaches. */
export async function openCache(
  options: Partial<PackCacheOptions> & { readonly path: string },
  modules: { readonly clock?: ManualClock; readonly measureDisk?: MeasureDisk } = {},
): Promise<SampleCache> {
  const bounds = { bytesMax: GiB, entryBytesMax: GiB, ageMaxMs: 3_600_000, freeBytesMin: 0, memoryBytesMax: 8 * MiB };
  const { clock = manualClock(1_700_000_000_000), measureDisk } = modules;
  const log = recordingLog();
  const stored: StoredEntry[] = [];
  const observer = { stored: (entry: StoredEntry) => void stored.push(entry) };
  const cache = new PackCache({ ...bounds, ...options }, { clock, log, random: systemRandom, observer, measureDisk });
  await cache.start();
  return { cache, clock, log, stored };
}

/** A producer that does what the test says, step by step. */
export class SteppedProducer {
  /** How often it was started. */
  starts = 0;
  /** Whether it was told that nobody wants its response. */
  isAborted = false;
  readonly #started = Promise.withResolvers<PackOutput>();
  readonly #done = Promise.withResolvers<'keep' | 'answer-only'>();

  constructor() {
    this.#done.promise.catch(() => undefined); // It may fail before it is started.
  }

  readonly produce: PackProducer = (output, signal) => {
    this.starts += 1;
    signal.addEventListener('abort', () => {
      this.isAborted = true;
      this.#done.reject(signal.reason);
    });
    this.#started.resolve(output);
    return this.#done.promise;
  };

  async write(chunk: Buffer): Promise<void> {
    const output = await this.#started.promise;
    await output.write(chunk);
  }

  end(outcome: 'keep' | 'answer-only' = 'keep'): void {
    this.#done.resolve(outcome);
  }

  fail(error: Error): void {
    this.#done.reject(error);
  }
}

/** A producer that writes all at once. */
export function producing(
  content: Buffer,
  chunkBytes = 64 * 1024,
  outcome: 'keep' | 'answer-only' = 'keep',
): PackProducer {
  return async (output) => {
    for (let at = 0; at < content.length; at += chunkBytes) await output.write(content.subarray(at, at + chunkBytes));
    return outcome;
  };
}

/** A producer that must not be started. */
export const unwanted: PackProducer = () => Promise.reject(new Error('nothing had to be made'));

/** A sink that remembers what it was given, and stops taking bytes when the test says so. */
export class RecordingSink implements ByteSink {
  /** The sizes that it was told. */
  readonly begun: (number | undefined)[] = [];
  bytes = 0;
  /** Bytes of the largest chunk. */
  chunkBytesMax = 0;
  readonly #chunks: Buffer[] = [];
  #gate: PromiseWithResolvers<void> | undefined;
  #watchers: { readonly bytes: number; readonly reached: () => void }[] = [];

  begin(sizeBytes: number | undefined): void {
    this.begun.push(sizeBytes);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.begun.length !== 1) throw new Error('bytes before the beginning');
    this.#chunks.push(chunk);
    this.bytes += chunk.length;
    this.chunkBytesMax = Math.max(this.chunkBytesMax, chunk.length);
    for (const { bytes, reached } of this.#watchers) if (bytes <= this.bytes) reached();
    await this.#gate?.promise;
  }

  /** Takes what comes, and is not done with it before `resume`. */
  pause(): this {
    this.#gate ??= Promise.withResolvers<void>();
    return this;
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Resolves when so many bytes have come. */
  received(bytes: number): Promise<void> {
    if (this.bytes >= bytes) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watchers.push({ bytes, reached: resolve });
    return promise;
  }

  get content(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** One request, whose reader may go away. */
export class SampleReader {
  readonly sink = new RecordingSink();
  readonly served: Promise<Served>;
  readonly #gone = new AbortController();

  constructor(
    cache: PackCache,
    request: { readonly key: string; readonly produce: PackProducer; readonly tag?: string; readonly admit?: 'now' },
    isPaused = false,
  ) {
    if (isPaused) this.sink.pause();
    this.served = cache.serve({ tag: 'repository', ...request }, this.sink, this.#gone.signal);
    this.served.catch(() => undefined); // The test looks at it when it is due.
  }

  leave(): void {
    this.#gone.abort(new Error('the client went away'));
  }
}
