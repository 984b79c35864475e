import type { GapFate } from '../repair/gap-copy.ts';
import type { NotedGap } from '../replica-gaps.ts';
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

  /** Keeps a gap. One that is known keeps its age; that its copy is corrupt is remembered. */
  note(gap: NotedGap, notedAtMs: number): void {
    const known = this.#table.find(gap);
    if (known !== undefined) {
      if (gap.reason === 'CORRUPT' && known.reason !== 'CORRUPT') this.#table.replace({ ...known, reason: 'CORRUPT' });
      return;
    }
    // One that would drive out all the others, and itself.
    if (gap.size > this.#options.bytesMax) {
      this.#count('overflow');
      return;
    }
    const hint = { ...gap, number: this.#nextNumber, notedAtMs, attempts: 0 };
    this.#nextNumber += 1n;
    this.#table.add(hint);
    this.totals.add(hint);
  }

  /** Drops the oldest until the bounds hold. */
  keepBounds(): void {
    const { bytesMax, countMax } = this.#options;
    const areKept = () => this.totals.count <= countMax && this.totals.bytes <= bytesMax;
    if (areKept()) return;
    const oldest = new Map(this.totals.nodeIds().map((nodeId) => [nodeId, this.#oldest(nodeId)]));
    while (!areKept()) {
      let next: Hint | undefined;
      for (const hint of oldest.values()) {
        if (hint !== undefined && (next === undefined || hint.number < next.number)) next = hint;
      }
      if (next === undefined) return;
      this.#drop(next, 'overflow');
      oldest.set(next.nodeId, this.#oldest(next.nodeId));
    }
  }

  /** Of each node, drops the oldest while it is to go. */
  dropWhile(isToGo: (hint: Hint) => boolean, end: HintEnd): void {
    for (const nodeId of this.totals.nodeIds()) {
      for (let hint = this.#oldest(nodeId); hint !== undefined && isToGo(hint); hint = this.#oldest(nodeId)) {
        this.#drop(hint, end);
      }
    }
  }

  /** What a try came to. A hint that was noted as corrupt meanwhile is to be tried again. */
  settle(hint: Hint, fate: GapFate): void {
    const known = this.#table.find(hint);
    if (known?.number !== hint.number) return;
    if (fate.outcome === 'FAILED') this.#table.replace({ ...known, attempts: known.attempts + 1 });
    else if (known.reason === hint.reason) this.#drop(known, ends[fate.outcome]);
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
