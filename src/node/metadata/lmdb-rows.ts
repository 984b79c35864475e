import type { Transaction } from 'lmdb';
import type { LmdbEnvironment } from '../../store/lmdb-environment.ts';
import { type StateEntry, type StateRange, type StateReader, StateRow } from './state.ts';

/** Longest key of LMDB as lmdb-js is built. */
export const keyBytesMax = 1978;

/** All rows of an LMDB environment, at the moment of a transaction or as they are now. */
export class LmdbRows implements StateReader {
  readonly #database: LmdbEnvironment;
  readonly #reading: { readonly transaction?: Transaction };

  constructor(database: LmdbEnvironment, transaction?: Transaction) {
    this.#database = database;
    this.#reading = transaction === undefined ? {} : { transaction };
  }

  get(key: Buffer): Buffer | undefined {
    // A key that LMDB does not take has no row; lmdb-js would throw, and another store would not.
    return key.length > keyBytesMax ? undefined : this.#database.get(key, this.#reading);
  }

  *range({ start, end, reverse = false, limit }: StateRange): Iterable<StateEntry> {
    const bounds = reverse
      ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start, end };
    const options = { ...bounds, ...(limit === undefined ? {} : { limit }), ...this.#reading };
    for (const { key, value } of this.#database.getRange(options)) yield new StateRow(key, value);
  }
}
