/** A record of a partition's state. */
export interface StateEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  /** The key from a byte on as UTF-8; cheaper than by way of `key` where there are many. */
  keyText(from: number): string;
}

/** A record whose key is there as bytes. */
export class StateRow implements StateEntry {
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

/** Which part of a range to read; the bounds are as bytes, the end is exclusive whichever way it is read. */
export interface StateRange {
  readonly start: Buffer;
  readonly end: Buffer;
  /** From the end downwards. */
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** One partition's state at one moment, as the state machine and the reads see it. */
export interface StateReader {
  get(key: Buffer): Buffer | undefined;
  /** In byte order of the keys. Valid until the current turn of the event loop ends. */
  range(range: StateRange): Iterable<StateEntry>;
}

/** A state that holds nothing. */
export const emptyState: StateReader = { get: () => undefined, range: () => [] };

/** A change of one record; without a value the record is removed. */
export interface StateWrite {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** The keys that begin with a prefix, which has a byte below 0xff (every row's letter is one). */
export function prefixRange(prefix: Buffer): { readonly start: Buffer; readonly end: Buffer } {
  let length = prefix.length;
  while (prefix[length - 1] === 0xff) length -= 1;
  const end = Buffer.from(prefix.subarray(0, length));
  end.writeUInt8(end.readUInt8(length - 1) + 1, length - 1);
  return { start: prefix, end };
}
