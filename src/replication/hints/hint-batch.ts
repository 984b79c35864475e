import type { GapFate } from '../repair/gap-copy.ts';
import { type NotedGap, strongerReason } from '../replica-gaps.ts';
import type { HintEnd } from './hint-observer.ts';
import type { Hint } from './hint-record.ts';
import type { HintTable } from './hint-table.ts';
import { HintTotals } from './hint-totals.ts';

/** Bounds of a log, and where its numbers go on. */
export interface HintBatchOptions {
  readonly bytesMax: number;
  readonly countMax: number;
  readonly nextNumber: bigint;
}

/**
 * What one transaction does to a log: used inside it alone, and its totals and counts are believed
 * only after its commit. Bounds are kept by dropping the oldest.
 */
export class HintBatch {
  readonly totals: HintTotals;
  readonly ended = new Map<HintEnd, number>();
  readonly #options: HintBatchOptions;
  readonly #table: HintTable;
  #nextNumber: bigint;

  constructor(options: HintBatchOptions, modules: { readonly table: HintTable; readonly totals: HintTotals }) {
    this.#options = options;
    this.#table = modules.table;
    this.#nextNumber = options.nextNumber;
    this.totals = new HintTotals(modules.totals);
  }

  /** The number of the next hint. */
  get nextNumber(): bigint {
    return this.#nextNumber;
  }

  /**
   * Keeps a gap. One that is known keeps its age and the stronger reason; but a write that is missed once more
   * is a new gap, whose time is compared with the age of the node's copy.
   */
  note(gap: NotedGap, notedAtMs: number): void {
    const known = this.#table.find(gap);
    if (known !== undefined) {
      this.#noteAgain(known, gap, notedAtMs);
      return;
    }
    // One that would drive out all the others, and itself.
    if (gap.size > this.#options.bytesMax) {
      this.#count('overflow');
      return;
    }
    this.#add({ ...gap, notedAtMs, attempts: 0 });
  }

  #noteAgain(known: Hint, gap: NotedGap, notedAtMs: number): void {
    const reason = strongerReason(known.reason, gap.reason);
    if (gap.reason === 'MISSED_WRITE' && known.notedAtMs !== notedAtMs) {
      this.#table.remove(known);
      this.totals.remove(known);
      this.#add({ ...known, reason, notedAtMs });
    } else if (reason !== known.reason) {
      this.#table.replace({ ...known, reason });
    }
  }

  /** Whether more is kept than may be: there was more to drop than one transaction does. */
  get isOverBounds(): boolean {
    const { bytesMax, countMax } = this.#options;
    return this.totals.count > countMax || this.totals.bytes > bytesMax;
  }

  /** Drops the oldest until the bounds hold, but so many at most. */
  keepBounds(dropsMax: number): void {
    if (!this.isOverBounds) return;
    const oldest = new Map(this.totals.nodeIds().map((nodeId) => [nodeId, this.#oldest(nodeId)]));
    for (let drops = 0; drops < dropsMax && this.isOverBounds; drops += 1) {
      let next: Hint | undefined;
      for (const hint of oldest.values()) {
        if (hint !== undefined && (next === undefined || hint.number < next.number)) next = hint;
      }
      if (next === undefined) return;
      this.#drop(next, 'overflow');
      oldest.set(next.nodeId, this.#oldest(next.nodeId));
    }
  }

  /** Of each node, drops the oldest while it is to go; of all nodes together so many at most. */
  dropWhile(isToGo: (hint: Hint) => boolean, end: HintEnd, dropsMax: number): void {
    const found: Hint[] = [];
    for (const nodeId of this.totals.nodeIds()) {
      for (const hint of this.#table.list(nodeId, 0n)) {
        if (found.length >= dropsMax || !isToGo(hint)) break;
        found.push(hint);
      }
    }
    for (const hint of found) this.#drop(hint, end);
  }

  /** What a try came to. A hint that was noted as corrupt meanwhile is to be tried again. */
  settle(hint: Hint, fate: GapFate): void {
    const known = this.#table.find(hint);
    if (known?.number !== hint.number) return;
    if (fate.outcome === 'FAILED') this.#table.replace({ ...known, attempts: known.attempts + 1 });
    else if (known.reason === hint.reason) this.#drop(known, ends[fate.outcome]);
  }

  #add(hint: Omit<Hint, 'number'>): void {
    const numbered = { ...hint, number: this.#nextNumber };
    this.#nextNumber += 1n;
    this.#table.add(numbered);
    this.totals.add(numbered);
  }

  #oldest(nodeId: string): Hint | undefined {
    for (const hint of this.#table.list(nodeId, 0n)) return hint;
    return undefined;
  }

  #drop(hint: Hint, end: HintEnd): void {
    this.#table.remove(hint);
    this.totals.remove(hint);
    this.#count(end);
  }

  #count(end: HintEnd): void {
    this.ended.set(end, (this.ended.get(end) ?? 0) + 1);
  }
}

const ends: Readonly<Record<Exclude<GapFate['outcome'], 'FAILED'>, HintEnd>> = {
  CLOSED: 'replayed',
  NEEDLESS: 'needless',
  LOST: 'failed',
};
