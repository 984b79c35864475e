import { mkdir, rm } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import { GiB } from '../../base/units.ts';
import type { GapResult } from '../repair/close-gaps.ts';
import type { GapReason, GapSink, NotedGap, ReplicaGap } from '../replica-gaps.ts';
import { HintAges } from './hint-ages.ts';
import { HintBatch } from './hint-batch.ts';
import type { HintEnd, HintObserver, HintStats } from './hint-observer.ts';
import type { Hint } from './hint-record.ts';
import { HintTable } from './hint-table.ts';
import { HintTotals } from './hint-totals.ts';

/** Values of a log; all but the place have defaults. */
export interface HintLogOptions {
  /** A folder of its own. */
  readonly path: string;
  /** Bytes of the blobs that the kept hints stand for. */
  readonly bytesMax?: number;
  /** Milliseconds after which a hint is dropped. */
  readonly ageMaxMs?: number;
  /** Hints that are kept; each takes about 300 bytes of disk. */
  readonly countMax?: number;
  /** Hints that may wait for the disk; one more is dropped. */
  readonly queueMax?: number;
}

/** What a log needs. */
export interface HintLogModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer?: HintObserver | undefined;
}

/** Three hours, as Cassandra keeps hints: a node that is away for longer is anti-entropy's. */
const defaults = { bytesMax: 16 * GiB, ageMaxMs: 3 * 3_600_000, countMax: 1_000_000, queueMax: 10_000 };

/** Hints of one commit: they are written on the main thread, some 10 µs each, and requests wait for that long. */
const batchMax = 500;

/** Hints that one commit drops, of those that are too old and of those beyond the bounds: some 25 µs each. */
const dropsMax = 500;

/** Hints that are read before others have their turn: some 4 µs each. */
const sliceMax = 1_000;

/** Milliseconds in which the loss of hints is logged once. */
const burstMs = 60_000;

/** A million hints are counted in a few seconds. */
const startTimeoutMs = 60_000;

/** A hint that was tried, and the fate of its gap. */
export interface SettledHint {
  readonly hint: Hint;
  readonly fate: GapResult;
}

/** A change of the log that somebody waits for. */
interface Task {
  readonly run: (batch: HintBatch) => void;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * The gaps that the writers and readers of this process know of, kept on disk until they are closed.
 *
 * A hint is a reference and not a second copy: blobs are immutable and were acknowledged by W other
 * nodes, so the content comes from one of those when the node is back. That spares writing everything
 * twice while a node is away; what it cannot do is bring back a blob whose other replicas are all lost.
 *
 * `note` neither waits nor throws. Hints are committed in groups; those that were noted in the last
 * moments before a crash are lost, as are the oldest beyond the bounds: hints shorten the time in which
 * a replica is missing, and anti-entropy is the guarantee. A hint never counts as a replica.
 */
export class HintLog implements GapSink, Part {
  readonly name = 'hint log';
  readonly startTimeoutMs = startTimeoutMs;
  readonly #options: Required<HintLogOptions>;
  readonly #modules: HintLogModules;
  readonly #listeners = new Set<() => void>();
  #table: HintTable | undefined;
  #totals = new HintTotals();
  #nextNumber = 1n;
  #noted: NotedGap[] = [];
  /** What else the next commit is to do. */
  #tasks: Task[] = [];
  #writing: Promise<void> | undefined;
  readonly #ages: HintAges;
  #lost = 0;
  #lostLoggedAtMs = Number.NEGATIVE_INFINITY;
  readonly #ended: Record<HintEnd, number> = { replayed: 0, needless: 0, expired: 0, overflow: 0, failed: 0 };

  constructor(options: HintLogOptions, modules: HintLogModules) {
    this.#options = { ...defaults, ...options };
    this.#modules = modules;
    this.#ages = new HintAges(modules);
  }

  /** Opens the log and counts what is in it. A file that is damaged is begun anew: it is no guarantee. */
  async start(): Promise<void> {
    const { path } = this.#options;
    await mkdir(path, { recursive: true });
    let table: HintTable;
    try {
      table = HintTable.open(path);
    } catch (error) {
      if (!hasCode(error, 'DATA_CORRUPT')) throw error;
      this.#modules.log.warn({ error: explain(error) }, 'the hints could not be read; the log begins anew');
      await rm(path, { recursive: true });
      await mkdir(path);
      table = HintTable.open(path);
    }
    const unreadable = await this.#load(table);
    this.#table = table;
    if (unreadable === 0) return;
    this.#modules.log.warn({ hints: unreadable }, 'hints that this version cannot read were dropped');
  }

  /** Counts what a table holds, slice by slice, and drops what cannot be read; how many those were. */
  async #load(table: HintTable): Promise<number> {
    let dropped = 0;
    for (let slice = table.slice(undefined, sliceMax); slice.last !== undefined; ) {
      const { hints, unreadable, last } = slice;
      for (const hint of hints) {
        this.#totals.add(hint);
        if (hint.number >= this.#nextNumber) this.#nextNumber = hint.number + 1n;
      }
      // Even when there is nothing to remove: others have their turn until the transaction has ended.
      await table.change(() => {
        for (const key of unreadable) table.removeKey(key);
      });
      dropped += unreadable.length;
      slice = table.slice(last, sliceMax);
    }
    return dropped;
  }

  /** Writes what was noted, and closes; whatever is noted from now on is lost. */
  async stop(): Promise<void> {
    await this.flush();
    const table = this.#table;
    this.#table = undefined;
    await table?.close();
  }

  note({ oid, size, nodeId }: ReplicaGap, reason: GapReason): void {
    if (this.#table === undefined || !Number.isSafeInteger(size) || size < 0) {
      this.#end('failed', 1);
    } else if (this.#noted.length >= this.#options.queueMax) {
      this.#end('overflow', 1);
    } else {
      this.#noted.push({ oid, size, nodeId, reason });
      void this.#write();
    }
  }

  /** Calls back when there are new hints; the result ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when everything noted so far is on disk, or lost. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Nodes with hints. */
  nodeIds(): readonly string[] {
    return this.#totals.nodeIds();
  }

  /** How many hints a node has. */
  countOf(nodeId: string): number {
    return this.#totals.countOf(nodeId);
  }

  /**
   * A node's hints that are younger than the one of this number, oldest first: so many blobs and bytes, but
   * one at least. None behind a great many that are too old: those are to be dropped first.
   */
  page(nodeId: string, after: bigint, countMax: number, bytesMax: number): readonly Hint[] {
    const hints: Hint[] = [];
    let bytes = 0;
    let skipped = 0;
    for (const hint of this.#table?.list(nodeId, after) ?? []) {
      if (this.#isExpired(hint)) {
        skipped += 1;
        if (skipped < sliceMax) continue;
        break;
      }
      bytes += hint.size;
      if (hints.length >= countMax || (hints.length > 0 && bytes > bytesMax)) break;
      hints.push(hint);
    }
    return hints;
  }

  /** Drops the hints whose gaps are closed, and counts a try for the others; resolves when that is on disk. */
  async settle(settled: readonly SettledHint[]): Promise<void> {
    await this.#commit((batch) => {
      for (const { hint, fate } of settled) batch.settle(hint, fate);
    });
  }

  /** Drops what is too old, some in each commit; resolves when that is on disk, or earlier after an abort. */
  async expire(signal?: AbortSignal): Promise<void> {
    while (signal?.aborted !== true && this.#hasExpired()) {
      await this.#commit((batch) => batch.dropWhile((hint) => this.#isExpired(hint), 'expired', dropsMax));
    }
  }

  #hasExpired(): boolean {
    return this.nodeIds().some((nodeId) => {
      const oldest = this.#oldest(nodeId);
      return oldest !== undefined && this.#isExpired(oldest);
    });
  }

  /** For metrics and people. */
  stats(): HintStats {
    const oldest = this.nodeIds().flatMap((nodeId) => this.#oldest(nodeId) ?? []);
    const { replayed, expired, overflow, failed } = this.#ended;
    return {
      pending: this.#totals.count,
      bytes: this.#totals.bytes,
      oldestAgeMs: Math.max(0, ...oldest.map((hint) => this.#ages.ageMs(hint))),
      dropped: expired + overflow + failed,
      replayed,
    };
  }

  #oldest(nodeId: string): Hint | undefined {
    for (const hint of this.#table?.list(nodeId, 0n) ?? []) return hint;
    return undefined;
  }

  #isExpired(hint: Hint): boolean {
    return this.#ages.ageMs(hint) > this.#options.ageMaxMs;
  }

  #commit(run: (batch: HintBatch) => void): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#tasks.push({ run, done });
    void this.#write();
    return done.promise;
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  /** One commit after the other; what comes in meanwhile shares the next one. */
  async #writeAll(): Promise<void> {
    await Promise.resolve(); // What is noted in the same turn shares the first one.
    let isOverBounds = false;
    for (;;) {
      if (this.#noted.length === 0 && this.#tasks.length === 0 && !isOverBounds) {
        this.#writing = undefined; // In the same turn as the look: what comes in behind it starts the next one.
        return;
      }
      const noted = this.#noted.splice(0, batchMax);
      const tasks = this.#tasks.splice(0);
      try {
        const batch = await this.#writeBatch(noted, tasks);
        isOverBounds = batch.isOverBounds;
        this.#adopt(batch, noted.length > 0);
        for (const { done } of tasks) done.resolve();
      } catch (error) {
        isOverBounds = false; // The next hint will tell.
        this.#modules.log.debug({ error: explain(error) }, 'hints could not be written');
        if (noted.length > 0) this.#end('failed', noted.length);
        for (const { done } of tasks) done.reject(error);
      }
    }
  }

  async #writeBatch(noted: readonly NotedGap[], tasks: readonly Task[]): Promise<HintBatch> {
    const table = this.#table;
    if (table === undefined) throw new StratumError('SHUTTING_DOWN', 'the hint log is closed');
    const { bytesMax, countMax } = this.#options;
    const notedAtMs = this.#ages.nowMs(this.#nextNumber);
    return table.change(() => {
      const batch = new HintBatch(
        { bytesMax, countMax, nextNumber: this.#nextNumber },
        { table, totals: this.#totals },
      );
      for (const { run } of tasks) run(batch);
      for (const gap of noted) batch.note(gap, notedAtMs);
      batch.keepBounds(dropsMax);
      return batch;
    });
  }

  #adopt(batch: HintBatch, hasNew: boolean): void {
    this.#totals = batch.totals;
    this.#nextNumber = batch.nextNumber;
    for (const [end, count] of batch.ended) this.#end(end, count);
    if (hasNew) for (const listener of this.#listeners) listener();
  }

  #end(end: HintEnd, count: number): void {
    this.#ended[end] += count;
    this.#modules.observer?.ended(end, count);
    if (end === 'replayed' || end === 'needless') return;
    this.#lost += count;
    const nowMs = this.#modules.clock.monotonicMs();
    if (nowMs - this.#lostLoggedAtMs < burstMs) return;
    const fields = { hints: this.#lost, reason: end };
    this.#lostLoggedAtMs = nowMs;
    this.#lost = 0;
    this.#modules.log.warn(fields, 'hints were dropped; anti-entropy has to close the gaps');
  }
}
