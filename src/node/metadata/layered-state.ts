import BTreeModule, { simpleComparator } from 'sorted-btree';
import { type StateEntry, type StateRange, type StateReader, StateRow, type StateWrite } from './state.ts';

// The package is CommonJS: its class is the default of the default.
const BTree = 'default' in BTreeModule ? (BTreeModule.default as typeof BTreeModule) : BTreeModule;

/** Changes by key, in byte order (a Latin-1 string has a character a byte, and strings compare by characters); undefined is a removal. */
export type Changes = InstanceType<typeof BTreeModule<string, Buffer | undefined>>;

export function noChanges(): Changes {
  return new BTree<string, Buffer | undefined>([], simpleComparator);
}

/** A state with changes over it, the newest first; what they become later shows as well. */
export function layered(layers: readonly Changes[], stored: StateReader): StateReader {
  return new LayeredState(layers, stored);
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
    const layers = this.#layers.filter(({ size }) => size > 0);
    if (layers.length === 0) return this.#stored.get(key);
    const name = key.toString('latin1');
    for (const layer of layers) if (layer.has(name)) return layer.get(name);
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
        yield new StateRow(change.key, change.value);
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
      yield new StateRow(key, value);
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
