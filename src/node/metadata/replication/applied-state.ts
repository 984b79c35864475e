import BTreeModule, { simpleComparator } from 'sorted-btree';
import type { MetadataStore, StoreReader, StoreTransaction } from '../metadata-store.ts';
import type { StateEntry, StateRange, StateReader, StateWrite } from '../state.ts';
import { type LogPosition, logStart } from './log-record.ts';

// The package is CommonJS: its class is the default of the default.
const BTree = 'default' in BTreeModule ? (BTreeModule.default as typeof BTreeModule) : BTreeModule;

/** Changes by key, in byte order: a Latin-1 string has a character a byte, and strings compare by characters. */
type Changes = InstanceType<typeof BTreeModule<string, Buffer | undefined>>;

const noChanges = (): Changes => new BTree<string, Buffer | undefined>([], simpleComparator);

/** What a commit brings to disk. */
export interface FlushedState {
  readonly position: LogPosition;
  readonly count: number;
}

/**
 * One partition's state after all entries that are applied: what is on disk, and above it what has not got there
 * yet. Reads see both as one. What is applied goes to disk with the next commit for any reason, so that an operation
 * waits for one sync only, that of the log; after a crash the log gives it again.
 */
export class AppliedState {
  readonly #partition: number;
  readonly #store: MetadataStore;
  #position: LogPosition = logStart;
  #storedPosition: LogPosition = logStart;
  #changes: Changes = noChanges();
  /** On its way to disk; not changed any more. */
  #flushing: Changes = noChanges();

  constructor({ partition }: { readonly partition: number }, modules: { readonly store: MetadataStore }) {
    this.#partition = partition;
    this.#store = modules.store;
  }

  /** The disk holds the state at `position`. */
  reset(position: LogPosition): void {
    this.#position = position;
    this.#storedPosition = position;
    this.#changes = noChanges();
    this.#flushing = noChanges();
  }

  /** The last entry that is applied. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Whether the disk lacks something. */
  get isDirty(): boolean {
    return this.#storedPosition.index < this.#position.index;
  }

  /** Reads this moment; `work` must not await. */
  read<T>(work: (state: StateReader) => T): T {
    return this.#store.read((reader) => work(this.#over(reader)));
  }

  /** Takes the writes of the next entry. */
  apply(position: LogPosition, writes: readonly StateWrite[]): void {
    this.#position = position;
    for (const { key, value } of writes) this.#changes.set(key.toString('latin1'), value);
  }

  /** Writes what the disk lacks within a commit. One at a time. */
  write(transaction: StoreTransaction): FlushedState {
    this.#flushing = this.#changes;
    this.#changes = noChanges();
    const writes: StateWrite[] = [];
    this.#flushing.forEachPair((key, value) => void writes.push({ key: Buffer.from(key, 'latin1'), value }));
    transaction.writeState(this.#partition, writes);
    return { position: this.#position, count: writes.length };
  }

  /** What `write` did is on disk. */
  written({ position }: FlushedState): void {
    this.#storedPosition = position;
    this.#flushing = noChanges();
  }

  /** What `write` did is not on disk. */
  notWritten(): void {
    const newer = this.#changes;
    this.#changes = this.#flushing;
    this.#flushing = noChanges();
    newer.forEachPair((key, value) => void this.#changes.set(key, value));
  }

  #over(reader: StoreReader): StateReader {
    const stored = reader.state(this.#partition);
    const layers = [this.#changes, this.#flushing].filter(({ size }) => size > 0);
    return layers.length === 0 ? stored : new LayeredState(layers, stored);
  }
}

/** Changes over a state; the first layer is the newest. */
class LayeredState implements StateReader {
  readonly #layers: readonly Changes[];
  readonly #stored: StateReader;

  constructor(layers: readonly Changes[], stored: StateReader) {
    this.#layers = layers;
    this.#stored = stored;
  }

  get(key: Buffer): Buffer | undefined {
    const name = key.toString('latin1');
    for (const layer of this.#layers) if (layer.has(name)) return layer.get(name);
    return this.#stored.get(key);
  }

  *range({ start, end, reverse = false, limit = Number.POSITIVE_INFINITY }: StateRange): Iterable<StateEntry> {
    const changed = this.#changedIn(start.toString('latin1'), end.toString('latin1'), reverse);
    if (changed.length === 0) {
      yield* this.#stored.range({ start, end, reverse, ...(Number.isFinite(limit) ? { limit } : {}) });
      return;
    }
    let left = limit;
    let next = 0;
    const direction = reverse ? -1 : 1;
    for (const entry of this.#stored.range({ start, end, reverse })) {
      let isHidden = false;
      for (; next < changed.length; next += 1) {
        const change = changed[next];
        const order = change === undefined ? 1 : change.key.compare(entry.key) * direction;
        if (change === undefined || order > 0) break;
        if (order === 0) isHidden = true;
        if (change.value === undefined) continue;
        if (left <= 0) return;
        left -= 1;
        yield new ChangedEntry(change.key, change.value);
      }
      if (isHidden) continue;
      if (left <= 0) return;
      left -= 1;
      yield entry;
    }
    for (const { key, value } of changed.slice(next)) {
      if (value === undefined) continue;
      if (left <= 0) return;
      left -= 1;
      yield new ChangedEntry(key, value);
    }
  }

  #changedIn(start: string, end: string, reverse: boolean): StateWrite[] {
    const merged = new Map<string, Buffer | undefined>();
    for (const layer of [...this.#layers].reverse()) {
      layer.forRange(start, end, false, (key, value) => void merged.set(key, value));
    }
    const names = [...merged.keys()].sort((left, right) => (left < right ? -1 : 1));
    if (reverse) names.reverse();
    return names.map((name) => ({ key: Buffer.from(name, 'latin1'), value: merged.get(name) }));
  }
}

class ChangedEntry implements StateEntry {
  readonly key: Buffer;
  readonly value: Buffer;

  constructor(key: Buffer, value: Buffer) {
    this.key = key;
    this.value = value;
  }

  keyText(from: number): string {
    return this.key.toString('utf8', from);
  }
}
