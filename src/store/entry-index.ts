import type { EntryFile } from './entry-file.ts';
import { type EntryFacts, fileBytesOf } from './entry-footer.ts';
import type { StoredEntry } from './stored-entry.ts';

/** What is kept in memory of an entry. */
export interface EntryRow {
  readonly facts: EntryFacts;
  /** The file's name in the folder: no two entries ever have the same, not even of one key. */
  readonly fileName: string;
  usedAtMs: number;
  /** The use that the file's modification time tells of. */
  keptUseAtMs: number;
  /** When the content was last known to be right, on the monotonic clock; undefined for not since the start. */
  checkedAtMs: number | undefined;
  /** The file, when somebody has it open. */
  file: EntryFile | undefined;
}

/** The entries of a folder by key, in the order of their last use. */
export class EntryIndex {
  readonly #rows = new Map<string, EntryRow>();
  #bytes = 0;
  #fileBytes = 0;

  get size(): number {
    return this.#rows.size;
  }

  /** Bytes of all entries' content. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the files of all entries take on the disk. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  get(key: string): EntryRow | undefined {
    return this.#rows.get(key);
  }

  /** Adds an entry as the one used last; gives back the one whose place it takes. */
  add(row: EntryRow): EntryRow | undefined {
    const old = this.#rows.get(row.facts.key);
    if (old !== undefined) this.remove(old);
    this.#rows.set(row.facts.key, row);
    this.#bytes += row.facts.sizeBytes;
    this.#fileBytes += fileBytesOf(row.facts.sizeBytes);
    return old;
  }

  /** Forgets an entry; whether it was still there. */
  remove(row: EntryRow): boolean {
    const { key, sizeBytes } = row.facts;
    if (this.#rows.get(key) !== row) return false;
    this.#rows.delete(key);
    this.#bytes -= sizeBytes;
    this.#fileBytes -= fileBytesOf(sizeBytes);
    return true;
  }

  /** Makes an entry the one used last. */
  use(row: EntryRow, nowMs: number): void {
    row.usedAtMs = nowMs;
    this.#rows.delete(row.facts.key);
    this.#rows.set(row.facts.key, row);
  }

  /** All entries, the one that was not used for longest first. */
  rows(): IterableIterator<EntryRow> {
    return this.#rows.values();
  }
}

/** An entry as it is now. */
export function asStoredEntry({ facts, usedAtMs }: EntryRow): StoredEntry {
  return { ...facts, usedAtMs };
}
