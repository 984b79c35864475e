import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../base/clock.ts';
import { explain, StratumError } from '../../../base/errors.ts';
import type { Part } from '../../../base/lifecycle.ts';
import type { Logger } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import type { MeasureDisk } from '../../../store/disk-space.ts';
import { EntryFolder } from '../../../store/entry-folder.ts';
import type { EntryReader, StoredEntry } from '../../../store/stored-entry.ts';
import { abortable } from '../abortable.ts';
import { HotEntries, type LentCopy } from './hot-entries.ts';
import type { ByteSink, PackProducer, Served, ServeOutcome } from './pack-producer.ts';
import { type Holder, Production } from './production.ts';
import { piecesOf, sendEntry } from './send-entry.ts';

export type { ByteSink, PackOutput, PackProducer, Served, ServeOutcome } from './pack-producer.ts';

/** Bounds of the pack cache. */
export interface PackCacheOptions {
  readonly path: string;
  readonly bytesMax: number;
  readonly entryBytesMax: number;
  /** How long an entry stays that nobody reads, in milliseconds. */
  readonly ageMaxMs: number;
  /** What stays free on the disk. */
  readonly freeBytesMin: number;
  /** The most that copies of hot entries may take in memory; 0 for none. */
  readonly memoryBytesMax: number;
}

/** Who is told what the pack cache does; called synchronously, and must not throw. */
export interface PackCacheObserver {
  /** A response that was made here is stored from now on. */
  stored(entry: StoredEntry): void;
}

/** What the pack cache needs. */
export interface PackCacheModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly observer?: PackCacheObserver | undefined;
  /** The disk's free room; the real one when left out. */
  readonly measureDisk?: MeasureDisk | undefined;
}

/** A response that is wanted. */
export interface PackRequest {
  /** 64 hex digits that stand for all that decides the bytes. */
  readonly key: string;
  /** The repository's id. */
  readonly tag: string;
  readonly produce: PackProducer;
  /** 'now': store it though it was never asked for before; else from the second request on. */
  readonly admit?: 'second' | 'now' | undefined;
}

/** What came of preparing a response. */
export interface Prepared {
  /** It was there before: nothing had to be done. */
  readonly wasStored: boolean;
  /** It is there now; false for an answer that must not be stored. */
  readonly isStored: boolean;
  readonly bytes: number;
}

/** What the next request for a key would meet. */
export interface CacheExplanation {
  readonly verdict: ServeOutcome;
  /** Why, in words for people. */
  readonly reason: string;
  readonly entry?: StoredEntry | undefined;
}

/** What was dropped. */
export interface Purged {
  readonly entries: number;
  readonly bytes: number;
}

/** What the cache holds and has done; counts are since the start of the process. */
export interface PackCacheStats {
  readonly entries: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly evictions: number;
  readonly memoryEntries: number;
  readonly memoryBytes: number;
  /** Responses that are being made. */
  readonly producing: number;
  /** Requests that are being answered. */
  readonly readers: number;
  readonly hits: number;
  readonly joins: number;
  readonly misses: number;
  /** Bytes of hits. */
  readonly hitBytes: number;
  /** Milliseconds of producers' work that hits and joins have saved. */
  readonly savedMs: number;
  /** Responses that could not be kept. */
  readonly unstored: number;
}

/** Keys whose first request is remembered. */
const askedMax = 100_000;

/** Between two lines of the log that say that responses cannot be kept. */
const complaintEveryMs = 60_000;

/**
 * Responses to fetches on disk, made once and read by many. Equal requests join the one that is being answered, and
 * each reads at its own pace. A response is stored when it was asked for twice: most never are. Whatever is wrong with
 * the disk, a request is answered: then the response is handed on without being kept.
 */
export class PackCache implements Part {
  readonly name = 'pack cache';
  readonly #options: PackCacheOptions;
  readonly #modules: PackCacheModules;
  readonly #hot: HotEntries;
  readonly #productions = new Map<string, Production>();
  /** All that have not come to rest, those included that nobody may join any more. */
  readonly #unsettled = new Set<Production>();
  readonly #asked = new LRUCache<string, true>({ max: askedMax });
  readonly #counts = { readers: 0, hits: 0, joins: 0, misses: 0, hitBytes: 0, savedMs: 0, unstored: 0 };
  #folder: EntryFolder | undefined;
  #isStopping = false;
  #complainedAtMs: number | undefined;

  constructor(options: PackCacheOptions, modules: PackCacheModules) {
    this.#options = options;
    this.#modules = modules;
    this.#hot = new HotEntries({ bytesMax: options.memoryBytesMax }, modules);
  }

  /** Opens the folder; DATA_DIR_UNWRITABLE when that is not possible. */
  async start(): Promise<void> {
    const { path } = this.#options;
    try {
      this.#folder = await EntryFolder.open(this.#options, this.#modules);
    } catch (cause) {
      throw new StratumError('DATA_DIR_UNWRITABLE', `the cache folder ${path} cannot be used`, undefined, { cause });
    }
  }

  /** Ends what is being made; its readers fail with SHUTTING_DOWN. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const production of this.#unsettled) production.abort(shuttingDown());
    await Promise.all([...this.#unsettled].map(({ settled }) => settled));
    await this.#hot.idle;
    await this.#folder?.close();
  }

  /**
   * Sends the response for a key to the sink at its pace. Rejects with what the producer, the sink or the signal
   * failed with; when the sink has begun then, its stream must be broken and not ended. CHECKSUM_MISMATCH when a stored
   * response turns out to be damaged in its middle.
   */
  async serve(request: PackRequest, sink: ByteSink, signal: AbortSignal): Promise<Served> {
    signal.throwIfAborted();
    const folder = this.#open();
    this.#counts.readers += 1;
    try {
      // Nothing is awaited between the look for a stored response and the look for one that is being made.
      const lent = this.#lend(request.key, folder);
      if (lent !== undefined) return await this.#serveCopy(lent, sink, signal);
      const reader = folder.acquire(request.key);
      const served = reader === undefined ? undefined : await this.#serveFile(reader, sink, signal);
      return served ?? (await this.#serveMade(request, sink, signal));
    } finally {
      this.#counts.readers -= 1;
    }
  }

  /**
   * Makes and stores the response without a reader. Rejects with what the producer or the signal failed with, and with
   * DISK_FULL or TOO_LARGE when it cannot be stored.
   */
  async prepare(request: Omit<PackRequest, 'admit'>, signal: AbortSignal): Promise<Prepared> {
    signal.throwIfAborted();
    const stored = this.#open().peek(request.key);
    if (stored !== undefined) return { wasStored: true, isStored: true, bytes: stored.sizeBytes };
    const { production } = this.#joinOrStart({ ...request, admit: 'now' });
    const holder = production.hold({ isReader: false });
    try {
      const entry = await abortable(production.kept, signal);
      return { wasStored: false, isStored: entry !== undefined, bytes: production.bytes };
    } finally {
      holder.leave();
    }
  }

  /** The bytes of a stored response, which counts as a use; NOT_FOUND when there is none. */
  async *read(key: string): AsyncGenerator<Buffer, void, undefined> {
    const reader = this.#open().acquire(key);
    if (reader === undefined) {
      throw new StratumError('NOT_FOUND', 'the response is not stored', { kind: 'cached response', id: key });
    }
    yield* piecesOf(reader);
  }

  /** Drops one response; who reads it goes on. */
  async drop(key: string): Promise<void> {
    this.#hot.drop(key);
    await this.#open().delete(key);
  }

  /** What the next request would meet; changes nothing. */
  explain(key: string): CacheExplanation {
    const entry = this.#open().peek(key);
    if (entry !== undefined) {
      const place = this.#hot.has(key) ? 'in memory and on disk' : 'on disk';
      return { verdict: 'hit', reason: `the response is stored ${place}`, entry };
    }
    const production = this.#productions.get(key);
    if (production?.hasEnded === true) return { verdict: 'hit', reason: 'the response has just been made' };
    if (production !== undefined) return { verdict: 'join', reason: 'the response is being made for another request' };
    if (!this.#asked.has(key)) {
      return { verdict: 'miss', reason: 'it was not asked for lately; it is stored from the second request on' };
    }
    return {
      verdict: 'miss',
      reason: 'it was asked for, and is not stored any more or not yet; the next request stores it',
    };
  }

  /** Drops the entries of a tag, or all; with `dryRun` only says what would be dropped. Who reads them goes on. */
  async purge({
    tag,
    dryRun,
  }: {
    readonly tag?: string | undefined;
    readonly dryRun?: boolean | undefined;
  }): Promise<Purged> {
    const folder = this.#open();
    const isMeant = (owner: { readonly tag: string }) => tag === undefined || owner.tag === tag;
    if (dryRun !== true) for (const production of this.#unsettled) if (isMeant(production)) production.forget();
    const entries =
      dryRun === true ? [...folder.entries()].filter(isMeant) : await folder.deleteWhere((entry) => isMeant(entry));
    if (dryRun !== true) for (const { key } of entries) this.#hot.drop(key);
    return { entries: entries.length, bytes: entries.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0) };
  }

  get stats(): PackCacheStats {
    const folder = this.#folder?.stats ?? { entries: 0, bytes: 0, bytesMax: this.#options.bytesMax, evictions: 0 };
    const memory = { memoryEntries: this.#hot.entries, memoryBytes: this.#hot.bytes };
    return { ...folder, ...memory, ...this.#counts, producing: this.#productions.size };
  }

  #open(): EntryFolder {
    if (this.#folder === undefined || this.#isStopping) throw shuttingDown();
    return this.#folder;
  }

  /** The copy in memory of an entry that the folder has. */
  #lend(key: string, folder: EntryFolder): { readonly entry: StoredEntry; readonly copy: LentCopy } | undefined {
    if (!this.#hot.has(key)) return undefined;
    const entry = folder.touch(key);
    const copy = this.#hot.lend(key);
    if (entry !== undefined && copy !== undefined) return { entry, copy };
    copy?.release();
    this.#hot.drop(key);
    return undefined;
  }

  async #serveCopy(
    { entry, copy }: { readonly entry: StoredEntry; readonly copy: LentCopy },
    sink: ByteSink,
    signal: AbortSignal,
  ): Promise<Served> {
    this.#counts.hits += 1;
    try {
      sink.begin(copy.content.length);
      await abortable(sink.write(copy.content), signal);
    } finally {
      copy.release();
    }
    return this.#noteHit(entry.sizeBytes, entry.costMs);
  }

  /** Undefined when the file cannot be read and nothing was sent yet: the response is then made anew. */
  async #serveFile(reader: EntryReader, sink: ByteSink, signal: AbortSignal): Promise<Served | undefined> {
    const { key, sizeBytes, costMs } = reader.entry;
    const failed = await sendEntry(reader, sink, signal);
    if (failed !== undefined) {
      this.#modules.log.warn({ key, reason: explain(failed.unsent) }, 'a stored response cannot be read: made anew');
      return undefined;
    }
    this.#counts.hits += 1;
    this.#hot.noteHit(key, sizeBytes, () => this.#folder?.acquire(key));
    return this.#noteHit(sizeBytes, costMs);
  }

  async #serveMade(request: PackRequest, sink: ByteSink, signal: AbortSignal): Promise<Served> {
    const { production, outcome } = this.#joinOrStart(request);
    const holder = production.hold({ isReader: true });
    this.#counts[outcome === 'hit' ? 'hits' : outcome === 'join' ? 'joins' : 'misses'] += 1;
    try {
      const bytes = await this.#sendMade(holder, production, sink, signal);
      if (outcome === 'hit') return this.#noteHit(bytes, production.costMs);
      const savedMs = outcome === 'join' ? production.costMs : 0;
      this.#counts.savedMs += savedMs;
      return { outcome, bytes, savedMs };
    } finally {
      holder.leave();
    }
  }

  #noteHit(bytes: number, savedMs: number): Served {
    this.#counts.hitBytes += bytes;
    this.#counts.savedMs += savedMs;
    return { outcome: 'hit', bytes, savedMs };
  }

  async #sendMade(holder: Holder, production: Production, sink: ByteSink, signal: AbortSignal): Promise<number> {
    const ending = AbortSignal.any([signal, holder.dropped]);
    let bytes = 0;
    let hasBegun = false;
    const begin = () => {
      if (!hasBegun) sink.begin(production.hasEnded ? production.bytes : undefined);
      hasBegun = true;
    };
    for (let chunk = await holder.next(ending); chunk !== undefined; chunk = await holder.next(ending)) {
      begin();
      await abortable(sink.write(chunk), ending);
      bytes += chunk.length;
    }
    begin();
    return bytes;
  }

  /** The production to read from: in one step with the look for it, so that two requests never start two. */
  #joinOrStart({ key, tag, produce, admit }: PackRequest): { production: Production; outcome: ServeOutcome } {
    const running = this.#productions.get(key);
    const production = running ?? this.#start({ key, tag, produce });
    if (running !== undefined || admit === 'now' || this.#asked.has(key)) production.admit();
    this.#asked.set(key, true);
    if (running === undefined) return { production, outcome: 'miss' };
    return { production, outcome: running.hasEnded ? 'hit' : 'join' };
  }

  #start(options: { readonly key: string; readonly tag: string; readonly produce: PackProducer }): Production {
    const { clock, observer } = this.#modules;
    const production = new Production(options, {
      clock,
      folder: this.#open(),
      closed: () => {
        if (this.#productions.get(options.key) === production) this.#productions.delete(options.key);
      },
      stored: (entry) => observer?.stored(entry),
      unstored: (error) => this.#noteUnstored(error),
    });
    this.#productions.set(options.key, production);
    this.#unsettled.add(production);
    const settle = () => this.#unsettled.delete(production);
    production.settled.then(settle, settle);
    return production;
  }

  #noteUnstored(error: StratumError): void {
    this.#counts.unstored += 1;
    const nowMs = this.#modules.clock.monotonicMs();
    if (this.#complainedAtMs !== undefined && nowMs - this.#complainedAtMs < complaintEveryMs) return;
    this.#complainedAtMs = nowMs;
    this.#modules.log.warn({ reason: explain(error) }, 'a response cannot be kept in the pack cache');
  }
}

function shuttingDown(): StratumError<'SHUTTING_DOWN'> {
  return new StratumError('SHUTTING_DOWN', 'the pack cache is not open');
}
