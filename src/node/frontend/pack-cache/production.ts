import type { Clock } from '../../../base/clock.ts';
import { asStratumError, StratumError } from '../../../base/errors.ts';
import { KiB } from '../../../base/units.ts';
import type { EntryFolder } from '../../../store/entry-folder.ts';
import type { EntryWriter, StoredEntry } from '../../../store/stored-entry.ts';
import { DirectWindow } from './direct-window.ts';
import type { PackProducer } from './pack-producer.ts';
import { WaitingCalls } from './waiting-calls.ts';

/** Bytes that a reader which fell behind the producer reads from the file at a time. */
const pieceBytes = 512 * KiB;

/** Without a file a reader that takes nothing holds up all: so long, then it goes. */
const stallMsMax = 10_000;

/** What is to be made. */
export interface ProductionOptions {
  readonly key: string;
  readonly tag: string;
  readonly produce: PackProducer;
}

/** What a production works with, and whom it tells. */
export interface ProductionModules {
  readonly clock: Clock;
  readonly folder: EntryFolder;
  /** Nobody may join any more: the entry is stored, or never will be. Called once, before anything else can begin. */
  readonly closed: () => void;
  readonly stored: (entry: StoredEntry) => void;
  /** The response cannot be kept; those who read it now still get it. */
  readonly unstored: (error: StratumError) => void;
}

/** Somebody who wants the response: a reader, or one who only wants it stored. */
export interface Holder {
  /** Aborts when the holder must go because it holds up the others. */
  readonly dropped: AbortSignal;
  /** The next bytes; undefined at the end. Rejects as soon as the production has failed, or with the signal's reason. */
  next(signal: AbortSignal): Promise<Buffer | undefined>;
  /** Wants nothing more. The last one to leave ends the producer. */
  leave(): void;
}

/** A holder as the production sees it. */
class Place {
  readonly isReader: boolean;
  readonly controller = new AbortController();
  /** What it was given. */
  position = 0;
  /** What it is done with. */
  doneTo = 0;

  constructor(isReader: boolean) {
    this.isReader = isReader;
  }
}

/**
 * One producer, many readers. The producer fills a file, and each reader follows it at its own pace, from memory where
 * it is close behind. The producer ends with its last holder, and never with the first. When the file cannot be
 * filled, chunks go from hand to hand, at the pace of the slowest reader, and nobody may join any more.
 */
export class Production {
  readonly tag: string;
  readonly #key: string;
  readonly #modules: ProductionModules;
  readonly #controller = new AbortController();
  readonly #places = new Set<Place>();
  readonly #changed = new WaitingCalls();
  readonly #consumed = new WaitingCalls();
  readonly #kept = Promise.withResolvers<StoredEntry | undefined>();
  #writer: EntryWriter | undefined;
  /** The bytes that did not go into the file, once it could not be filled. */
  #window: DirectWindow | undefined;
  /** Where they begin. */
  #directAt = 0;
  #bytes = 0;
  #costMs = 0;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;
  #isAdmitted = false;
  #mayKeep = true;
  #isKeeping = false;
  #isSettled = false;
  /** Resolves when the producer has ended and nothing of it is left on disk but what is stored. */
  readonly settled: Promise<void>;

  constructor(options: ProductionOptions, modules: ProductionModules) {
    this.tag = options.tag;
    this.#key = options.key;
    this.#modules = modules;
    this.#kept.promise.catch(() => undefined); // Most productions have nobody who waits for the storing alone.
    this.settled = this.#run(options.produce);
  }

  /** Bytes that readers can have so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All bytes are there. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What the producer took, once it has ended, in milliseconds. */
  get costMs(): number {
    return this.#costMs;
  }

  /** The stored entry; undefined when the response is not one to store. Rejects when it failed or could not be stored. */
  get kept(): Promise<StoredEntry | undefined> {
    return this.#kept.promise;
  }

  /** Adds a reader, or somebody who only waits for `kept`. */
  hold({ isReader }: { readonly isReader: boolean }): Holder {
    const place = new Place(isReader);
    this.#places.add(place);
    return {
      dropped: place.controller.signal,
      next: (signal) => this.#next(place, signal),
      leave: () => this.#leave(place),
    };
  }

  /** The response is wanted again: it is stored at its end. */
  admit(): void {
    this.#isAdmitted = true;
    this.#keepIfWanted();
  }

  /** The response is not to be stored, and nobody may join; those who read it go on. */
  forget(): void {
    this.#mayKeep = false;
    this.#close();
    if (!this.#isKeeping) this.#kept.resolve(undefined);
  }

  /** Ends it at once; every reader fails with the error. */
  abort(error: StratumError): void {
    this.#fail(error);
  }

  async #run(produce: PackProducer): Promise<void> {
    const { folder, clock } = this.#modules;
    const { signal } = this.#controller;
    try {
      this.#writer = await folder.begin(this.#key, { tag: this.tag });
    } catch (error) {
      await this.#goDirect(error);
    }
    const startMs = clock.monotonicMs();
    try {
      signal.throwIfAborted();
      const outcome = await produce({ write: (chunk) => this.#write(chunk) }, signal);
      signal.throwIfAborted();
      this.#costMs = clock.monotonicMs() - startMs;
      this.#isAdmitted ||= outcome === 'keep-now';
      this.#end(outcome !== 'answer-only');
    } catch (error) {
      this.#fail(error);
    }
    const entry = await this.#kept.promise.catch(() => undefined); // Who asked for it is told.
    if (entry === undefined) await this.#writer?.abort();
    this.#isSettled = true;
    this.#releaseUnused();
  }

  async #write(chunk: Buffer): Promise<void> {
    this.#controller.signal.throwIfAborted();
    if (chunk.length === 0) return;
    if (this.#window === undefined) {
      try {
        await this.#writer?.append(chunk);
        this.#bytes += chunk.length;
        this.#changed.wake();
        return;
      } catch (error) {
        await this.#goDirect(error);
      }
    }
    await this.#writeDirect(chunk);
  }

  /** The file cannot be filled: who is here gets the rest from hand to hand. */
  async #goDirect(error: unknown): Promise<void> {
    this.#window = new DirectWindow();
    this.#directAt = this.#bytes;
    this.#mayKeep = false;
    this.#close();
    const failure = asStratumError(error);
    this.#modules.unstored(failure);
    this.#kept.reject(failure);
    for (const place of [...this.#places]) if (!place.isReader) this.#leave(place);
    await this.#writer?.abort();
  }

  async #writeDirect(chunk: Buffer): Promise<void> {
    const { signal } = this.#controller;
    signal.throwIfAborted();
    this.#dropDone();
    while (this.#window?.isFull === true) {
      const stall = this.#modules.clock.after(stallMsMax, this.#stallCheck());
      try {
        await this.#consumed.wait(signal);
      } finally {
        stall.cancel();
      }
      this.#dropDone();
    }
    this.#window?.add(this.#bytes, chunk);
    this.#bytes += chunk.length;
    this.#changed.wake();
  }

  /** Forgets what all readers have had. The file's room on the disk is free when none reads it any more. */
  #dropDone(): void {
    const doneTo = this.#slowestDone();
    this.#window?.dropBefore(doneTo);
    if (doneTo >= this.#directAt) this.#writer?.release();
  }

  /** Drops the readers that hold up others and have not moved since now. */
  #stallCheck(): () => void {
    const slowestTo = this.#slowestDone();
    return () => {
      const lagging = this.#readers().filter(({ doneTo }) => doneTo <= slowestTo);
      if (lagging.length === this.#places.size) return;
      for (const { controller } of lagging) {
        const message = 'the response cannot be stored, and the client is too slow to be waited for';
        controller.abort(new StratumError('OVERLOADED', message, { retryAfterMs: stallMsMax }));
      }
    };
  }

  #end(mayKeep: boolean): void {
    this.#hasEnded = true;
    this.#mayKeep &&= mayKeep;
    this.#changed.wake();
    if (!this.#mayKeep) {
      this.#close();
      this.#kept.resolve(undefined);
    }
    this.#keepIfWanted();
    if (this.#places.size === 0) this.#giveUp();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#close();
    this.#controller.abort(error);
    if (!this.#isKeeping) this.#kept.reject(error);
    this.#changed.wake();
  }

  #keepIfWanted(): void {
    if (!this.#hasEnded || !this.#isAdmitted || !this.#mayKeep || this.#isKeeping) return;
    this.#isKeeping = true;
    void this.#keep();
  }

  async #keep(): Promise<void> {
    const { folder, stored, unstored } = this.#modules;
    try {
      const entry = await this.#writer?.commit({ costMs: this.#costMs });
      this.#close();
      // It was to be forgotten while it was put on disk.
      if (!this.#mayKeep) await folder.delete(this.#key);
      else if (entry !== undefined) stored(entry);
      this.#kept.resolve(entry);
    } catch (error) {
      const failure = asStratumError(error);
      this.#close();
      unstored(failure);
      this.#kept.reject(failure);
    }
  }

  /** All is there, and nobody wants it stored. */
  #giveUp(): void {
    if (this.#isKeeping) return;
    this.#mayKeep = false;
    this.#close();
    this.#kept.resolve(undefined);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#modules.closed();
  }

  async #next(place: Place, signal: AbortSignal): Promise<Buffer | undefined> {
    place.doneTo = place.position;
    if (this.#window !== undefined) this.#consumed.wake();
    while (true) {
      signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure.error;
      if (place.position < this.#bytes) {
        const chunk = await this.#readAt(place.position);
        place.position += chunk.length;
        return chunk;
      }
      if (this.#hasEnded) return undefined;
      await this.#changed.wait(signal);
    }
  }

  async #readAt(position: number): Promise<Buffer> {
    const inMemory = this.#window?.at(position) ?? this.#writer?.recent(position);
    if (inMemory !== undefined) return inMemory;
    const writer = this.#writer;
    if (writer === undefined) throw new StratumError('INTERNAL', 'a response has lost its beginning');
    const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, writer.bytes - position));
    const bytes = await writer.read(buffer, position);
    if (bytes === 0) throw new StratumError('INTERNAL', 'a response is shorter on disk than it was written');
    return buffer.subarray(0, bytes);
  }

  #leave(place: Place): void {
    if (!this.#places.delete(place)) return;
    this.#consumed.wake();
    if (this.#places.size > 0) return;
    if (this.#hasEnded) this.#giveUp();
    else this.#fail(new StratumError('CANCELLED', 'everybody who wanted the response has gone'));
    this.#releaseUnused();
  }

  #releaseUnused(): void {
    if (this.#isSettled && this.#places.size === 0) this.#writer?.release();
  }

  #readers(): Place[] {
    return [...this.#places].filter(({ isReader }) => isReader);
  }

  #slowestDone(): number {
    return this.#readers().reduce((least, { doneTo }) => Math.min(least, doneTo), this.#bytes);
  }
}
