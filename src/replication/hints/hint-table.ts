import { type Oid, oidToBytes } from '../../base/oid.ts';
import { singleKey } from '../../store/keys.ts';
import { commit, type LmdbEnvironment, openLmdb } from '../../store/lmdb-environment.ts';
import type { NotedGap } from '../replica-gaps.ts';
import { decodeHint, encodeHint, type Hint } from './hint-record.ts';

const numberMax = 2n ** 64n - 1n;

/** Some of all hints. */
export interface HintSlice {
  readonly hints: readonly Hint[];
  /** Keys of those that this version cannot read. */
  readonly unreadable: readonly Buffer[];
  /** The key that the next slice begins behind; undefined when this one is empty. */
  readonly last: Buffer | undefined;
}

/**
 * The LMDB file of the hints: one record for each, in order of age for each node, and an index that
 * finds the one of a node and a blob. What changes them is called inside `change` alone.
 */
export class HintTable {
  readonly #database: LmdbEnvironment;

  private constructor(database: LmdbEnvironment) {
    this.#database = database;
  }

  /** Opens or creates the table in a folder; DATA_CORRUPT when its file is no database. */
  static open(path: string): HintTable {
    return new HintTable(openLmdb(path));
  }

  /** Runs `work` in a transaction; resolves when that is on disk. `work` must not throw after its first change. */
  change<T>(work: () => T): Promise<T> {
    return commit(this.#database, 'hints', work);
  }

  /** Keeps a new hint. */
  // Inside a transaction lmdb-js writes at once; the promises it returns say nothing more.
  add(hint: Hint): void {
    void this.#database.put(hintKey(hint.nodeId, hint.number), encodeHint(hint));
    void this.#database.put(numberKey(hint), encodeNumber(hint.number));
  }

  /** Writes a hint that is kept already anew. */
  replace(hint: Hint): void {
    void this.#database.put(hintKey(hint.nodeId, hint.number), encodeHint(hint));
  }

  /** Forgets a hint. */
  remove(hint: Hint): void {
    void this.#database.remove(hintKey(hint.nodeId, hint.number));
    void this.#database.remove(numberKey(hint));
  }

  /** The hint of a node and a blob. */
  find(gap: { readonly nodeId: string; readonly oid: Oid }): Hint | undefined {
    const bytes = this.#database.get(numberKey(gap));
    const number = bytes === undefined ? undefined : decodeNumber(bytes);
    if (number === undefined) return undefined;
    const record = this.#database.get(hintKey(gap.nodeId, number));
    const fields = record === undefined ? undefined : decodeHint(record);
    return fields?.oid === gap.oid ? { ...fields, nodeId: gap.nodeId, number } : undefined;
  }

  /** A node's hints that are younger than the one of this number, oldest first. */
  *list(nodeId: string, after: bigint): Generator<Hint, void, undefined> {
    if (after >= numberMax) return;
    const range = {
      start: hintKey(nodeId, after + 1n),
      end: Buffer.concat([hintKey(nodeId, numberMax), Buffer.of(0)]),
    };
    for (const { key, value } of this.#database.getRange(range)) {
      const fields = decodeHint(value);
      if (fields !== undefined) yield { ...fields, nodeId, number: numberOf(key) };
    }
  }

  /** So many of all hints behind a key; the event loop may have its turn between two slices. */
  slice(after: Buffer | undefined, countMax: number): HintSlice {
    const prefix = singleKey('frontendHint');
    // The shortest key that is above it.
    const start = after === undefined ? prefix : Buffer.concat([after, Buffer.of(0)]);
    const end = Buffer.concat([prefix, Buffer.of(0xff)]);
    const hints: Hint[] = [];
    const unreadable: Buffer[] = [];
    let last: Buffer | undefined;
    for (const { key, value } of this.#database.getRange({ start, end, limit: countMax })) {
      last = Buffer.from(key);
      const fields = decodeHint(value);
      const nodeId = key.subarray(prefix.length, key.length - 9).toString('latin1');
      if (fields === undefined) unreadable.push(last);
      else hints.push({ ...fields, nodeId, number: numberOf(key) });
    }
    return { hints, unreadable, last };
  }

  /** Forgets a record by its key. */
  removeKey(key: Buffer): void {
    void this.#database.remove(key);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

/** Of a name of letters, digits and `._-`, so that the NUL ends it. */
function hintKey(nodeId: string, number: bigint): Buffer {
  const digits = Buffer.alloc(8);
  digits.writeBigUInt64BE(number);
  return Buffer.concat([singleKey('frontendHint'), Buffer.from(`${nodeId}\0`, 'latin1'), digits]);
}

function numberOf(key: Buffer): bigint {
  return key.readBigUInt64BE(key.length - 8);
}

function numberKey({ nodeId, oid }: Pick<NotedGap, 'nodeId' | 'oid'>): Buffer {
  return Buffer.concat([singleKey('frontendHintNumber'), Buffer.from(`${nodeId}\0`, 'latin1'), oidToBytes(oid)]);
}

/** On disk: version (1 byte), number (8 bytes, big-endian). */
const numberVersion = 1;

function encodeNumber(number: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(numberVersion);
  bytes.writeBigUInt64BE(number, 1);
  return bytes;
}

function decodeNumber(bytes: Buffer): bigint | undefined {
  return bytes.length === 9 && bytes[0] === numberVersion ? bytes.readBigUInt64BE(1) : undefined;
}
