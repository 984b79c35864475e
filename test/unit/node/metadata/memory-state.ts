import type { StateEntry, StateRange, StateReader, StateWrite } from '../../../../src/node/metadata/state.ts';

/** A partition's state in memory. */
export class MemoryState implements StateReader {
  readonly #records = new Map<string, Buffer>();

  get(key: Buffer): Buffer | undefined {
    return this.#records.get(key.toString('latin1'));
  }

  range({ start, end, reverse = false, limit }: StateRange): Iterable<StateEntry> {
    const found = this.entries().filter(({ key }) => key.compare(start) >= 0 && key.compare(end) < 0);
    return (reverse ? found.reverse() : found).slice(0, limit);
  }

  write(writes: readonly StateWrite[]): void {
    for (const { key, value } of writes) {
      if (value === undefined) this.#records.delete(key.toString('latin1'));
      else this.#records.set(key.toString('latin1'), Buffer.from(value));
    }
  }

  /** All records as hex, to be compared. */
  dump(): (readonly [string, string])[] {
    return this.entries().map(({ key, value }) => [key.toString('hex'), value.toString('hex')]);
  }

  /** All records in the order of their keys. */
  entries(): StateEntry[] {
    // Latin-1 has one character for each byte, in the same order.
    const sorted = [...this.#records].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([text, value]) => {
      const key = Buffer.from(text, 'latin1');
      return { key, value, keyText: (from: number) => key.toString('utf8', from) };
    });
  }
}
